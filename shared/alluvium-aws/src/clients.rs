//! The clients of the services, configured alike.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, ConfigLoader, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_http_client::{
    Builder, ConnectorBuilder, proxy::ProxyConfig, tls, tls::rustls_provider::CryptoMode,
};
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient, runtime_components::RuntimeComponents,
};

/// The clients of the services that Alluvium calls.
#[derive(Clone, Debug)]
pub struct Aws {
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) glue: aws_sdk_glue::Client,
    pub(crate) events: aws_sdk_eventbridge::Client,
    /// For clients that no function needs, and so should not carry.
    pub(crate) config: SdkConfig,
}

/// How long and how often a call is tried by the SDK. What is worth more patience, such as a
/// contended table, is repeated by the use cases.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Tries of a call at most.
    pub tries: u32,
    /// The longest first pause between them; pauses are random and grow.
    pub pause: Duration,
    /// A connection that takes longer is tried again.
    pub connect_timeout: Duration,
    /// A try that takes longer is made again.
    pub try_timeout: Duration,
}

impl Default for Patience {
    /// Enough for three pieces of 16 MiB at once at 10 Mbit/s.
    fn default() -> Self {
        Self {
            tries: 4,
            pause: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(3),
            try_timeout: Duration::from_secs(50),
        }
    }
}

impl Aws {
    /// Clients with the credentials, region and endpoints that the SDK finds in the environment,
    /// in profiles or at the machine.
    pub async fn from_environment() -> Self {
        Self::with_patience(Patience::default()).await
    }

    /// The same, but calls are tried as the caller says.
    pub async fn with_patience(patience: Patience) -> Self {
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(https());
        Self::from_loader(loader, patience).await
    }

    /// Clients with what the caller settles beforehand.
    pub async fn from_loader(loader: ConfigLoader, patience: Patience) -> Self {
        let retries = RetryConfig::standard()
            .with_max_attempts(patience.tries)
            .with_initial_backoff(patience.pause);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(patience.connect_timeout)
            .operation_attempt_timeout(patience.try_timeout)
            .build();
        let config = loader.retry_config(retries).timeout_config(timeouts).load().await;
        Self {
            s3: aws_sdk_s3::Client::new(&config),
            glue: aws_sdk_glue::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            config,
        }
    }
}

/// The SDK's own HTTPS client, proxies of the environment included, but over ring.
fn https() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector =
            ConnectorBuilder::default().tls_provider(tls::Provider::Rustls(CryptoMode::Ring));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}
