//! An HTTP client of the AWS SDK that notes every call and lets some fail.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use alluvium_aws::{Aws, Patience};
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::{
    Credentials,
    provider::{
        ProvideCredentials, error::CredentialsError,
        future::ProvideCredentials as ProvideCredentialsFuture,
    },
};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

/// What happens to one call.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It goes to the service.
    Pass,
    /// It goes to the service, but the answer is lost.
    AnswerLost,
    /// It is answered with this status and body.
    Answer(u16, String),
    /// It succeeds with these headers and no body.
    Headers(Vec<(&'static str, String)>),
    /// The connection breaks.
    Reset,
    /// It breaks in a way that the client has no name for.
    Broken,
    /// Nobody ever answers.
    Silence,
}

type Script = dyn Fn(usize, &str) -> Reply + Send + Sync;

/// As often as by default, but without long pauses.
const PATIENCE: Patience = Patience {
    tries: 4,
    pause: Duration::from_millis(1),
    connect_timeout: Duration::from_secs(3),
    try_timeout: Duration::from_secs(20),
};

fn nowhere() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .region(Region::from_static("us-east-1"))
}

/// Calls by a script: it gets the number of each call, from 0, and its operation.
#[derive(Clone)]
pub struct Scripted {
    script: Arc<Script>,
    calls: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
    checksums: Arc<Mutex<Vec<String>>>,
    service: Option<SharedHttpClient>,
}

impl Scripted {
    /// Without a service behind it.
    pub fn new(script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            calls: Arc::default(),
            bodies: Arc::default(),
            checksums: Arc::default(),
            service: None,
        }
    }

    /// In front of a service.
    #[must_use]
    pub fn before(self, service: SharedHttpClient) -> Self {
        Self { service: Some(service), ..self }
    }

    /// The operations called so far.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// The bodies of the calls so far, those of Glue in JSON.
    #[must_use]
    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }

    /// Clients of the service that the environment names, over this one.
    pub async fn aws(&self) -> Aws {
        self.clients(aws_config::defaults(BehaviorVersion::v2026_01_12()), PATIENCE).await
    }

    /// Clients with some region and some credentials, over this one.
    pub async fn aws_nowhere(&self) -> Aws {
        self.clients(nowhere(), PATIENCE).await
    }

    /// The same in a region of this name, with a quota of retries of its own.
    pub async fn aws_in(&self, region: &'static str) -> Aws {
        self.clients(nowhere().region(Region::from_static(region)), PATIENCE).await
    }

    /// The same, but they soon give up waiting.
    pub async fn aws_impatiently(&self) -> Aws {
        self.clients(nowhere(), Patience { try_timeout: Duration::from_millis(20), ..PATIENCE })
            .await
    }

    /// Clients with some region, but without credentials.
    pub async fn aws_without_credentials(&self) -> Aws {
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        let loader = loader.region(Region::from_static("us-east-1"));
        let nobody = ProvideNothing;
        self.clients(loader.credentials_provider(nobody), PATIENCE).await
    }

    /// The checksum headers of the calls so far.
    #[must_use]
    pub fn checksums(&self) -> Vec<String> {
        self.checksums.lock().unwrap().clone()
    }

    async fn clients(&self, loader: ConfigLoader, patience: Patience) -> Aws {
        Aws::from_loader(loader.http_client(SharedHttpClient::new(self.clone())), patience).await
    }
}

/// A provider that has no credentials.
#[derive(Debug)]
struct ProvideNothing;

impl ProvideCredentials for ProvideNothing {
    fn provide_credentials<'a>(&'a self) -> ProvideCredentialsFuture<'a>
    where
        Self: 'a,
    {
        ProvideCredentialsFuture::ready(Err(CredentialsError::not_loaded("there are none")))
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl HttpClient for Scripted {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let service = self.service.as_ref();
        let service = service.map(|service| service.http_connector(settings, components));
        SharedHttpConnector::new(Connector { scripted: self.clone(), service })
    }
}

#[derive(Debug)]
struct Connector {
    scripted: Scripted,
    service: Option<SharedHttpConnector>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = operation(&request);
        let number = {
            let mut calls = self.scripted.calls.lock().unwrap();
            calls.push(operation.clone());
            calls.len() - 1
        };
        let checksums = request.headers().iter().filter(|(name, _)| name.contains("checksum"));
        let checksums: Vec<_> = checksums.map(|(name, value)| format!("{name}: {value}")).collect();
        self.scripted
            .checksums
            .lock()
            .unwrap()
            .push(format!("{operation}: {}", checksums.join(", ")));
        let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
        self.scripted.bodies.lock().unwrap().push(body.into_owned());
        let reply = (self.scripted.script)(number, &operation);
        let pass = || self.service.as_ref().expect("a service to pass to").call(request);
        match reply {
            Reply::Pass => pass(),
            Reply::AnswerLost => {
                let answer = pass();
                HttpConnectorFuture::new(async move {
                    answer.await?;
                    Err(reset())
                })
            }
            Reply::Answer(status, body) => {
                let status = StatusCode::try_from(status).unwrap();
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
            }
            Reply::Headers(headers) => {
                let mut answer =
                    HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::empty());
                for (name, value) in headers {
                    answer.headers_mut().insert(name, value);
                }
                HttpConnectorFuture::ready(Ok(answer))
            }
            Reply::Reset => HttpConnectorFuture::ready(Err(reset())),
            Reply::Broken => {
                let broken = ConnectorError::other("stream error".into(), None);
                HttpConnectorFuture::ready(Err(broken))
            }
            Reply::Silence => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

fn reset() -> ConnectorError {
    ConnectorError::io("connection reset".into())
}

/// Glue names the operation in a header, S3 most of them in its query.
fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.trim_start_matches("AWSGlue.").to_owned();
    }
    let query = request.uri().split('?').nth(1).unwrap_or_default();
    let named = query.split('&').find_map(|pair| pair.strip_prefix("x-id="));
    let operation = match (named, request.method()) {
        (Some(named), _) => named,
        (None, "POST") if query.contains("uploadId") => "CompleteMultipartUpload",
        (None, "POST") => "CreateMultipartUpload",
        (None, "GET") if query.contains("list-type=2") => "ListObjectsV2",
        (None, method) => method,
    };
    operation.to_owned()
}
