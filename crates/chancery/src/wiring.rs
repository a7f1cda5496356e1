//! From settings to a serving bus, and down again.

use std::fs;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::clock::SystemClock;
use bus::{Bus, Settings};
use door_http::Reach;
use journal::{Embedded, Options, RealDisk};
#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};
use tls::{Current, Listener, Protocol};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::meant::Meant;
use crate::kms;
use crate::notices::Carriers;
use crate::output::{self, Failure};

/// How often the certificate's files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Runs the bus until it is told to end.
pub fn serve(meant: Meant) -> Result<(), Failure> {
    let started = Instant::now();
    log_to_stderr(&meant)?;
    match meant.core_dumps {
        false => forbid_core_dumps()?,
        true => {
            tracing::warn!("a crash leaves a copy of the memory, keys included: process.core_dumps is on")
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(run(meant, started));
    // A letter that is under way waits for its receiver; the bus does not, it sends it again with the next start.
    runtime.shutdown_background();
    ended
}

/// Memory holds keys: no copy of it may reach a disk, by a crash or by a debugger of the same user.
fn forbid_core_dumps() -> Result<(), Failure> {
    let failed = |error| {
        Failure::new(format!("core dumps, which would hold keys, cannot be turned off: {error}"))
            .hint("process.core_dumps = true leaves them on, for debugging")
    };
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(failed)?;
    #[cfg(target_os = "linux")]
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)?;
    Ok(())
}

async fn run(meant: Meant, started: Instant) -> Result<(), Failure> {
    let certificate = certificate(&meant)?;
    let (bus, journal) = open(&meant).await?;
    let http = listen("http", meant.http).await?;
    let kafka = match meant.kafka {
        Some(address) => Some(listen("kafka", address).await?),
        None => None,
    };
    let kafka_at = kafka.as_ref().map(|kafka| kafka.local_addr().map(|at| at.to_string())).transpose()?;
    output::line(format_args!(
        "ready kafka={} http={} in {} ms",
        kafka_at.as_deref().unwrap_or("off"),
        http.local_addr()?,
        started.elapsed().as_millis()
    ));
    let kafka_port = kafka.as_ref().map(|kafka| kafka.local_addr().map(|at| at.port())).transpose()?;
    let reach = reach(&meant, kafka_port);
    let listener =
        |tcp, protocol| Listener::new(tcp, certificate.clone(), protocol).writing_within(meant.write_within);
    let http = listener(http, Protocol::Http);
    let kafka = kafka.map(|kafka| listener(kafka, Protocol::Kafka));
    let watching = certificate.map(|current| tokio::spawn(async move { current.watch(LOOK).await }));
    let (end, mut ended) = tokio::sync::watch::channel(false);
    let mut also_ended = ended.clone();
    let kafka_door = tokio::spawn(serve_kafka(kafka, bus.clone(), meant, async move {
        let _ = also_ended.wait_for(|ended| *ended).await;
    }));
    let http_door = tokio::spawn(door_http::serve(http, bus.clone(), reach, async move {
        let _ = ended.wait_for(|ended| *ended).await;
    }));
    told_to_end().await;
    let _ = end.send(true);
    if let Some(watching) = watching {
        watching.abort();
    }
    let served = [kafka_door.await, http_door.await];
    bus.close().await;
    journal.close();
    tracing::info!("drained and closed");
    for door in served {
        door.map_err(|error| Failure::new(format!("a door broke: {error}")))??;
    }
    Ok(())
}

/// How clients come in, for documents that say so.
fn reach(meant: &Meant, kafka_port: Option<u16>) -> Reach {
    let kafka = kafka_port.map(|listens| match &meant.kafka_advertised {
        Some((host, port)) => (Some(host.clone()), *port),
        None => (None, listens),
    });
    Reach { kafka, tls: meant.tls.is_some() }
}

/// The certificate of both doors; files that are no good must not start a bus that nobody can speak to.
fn certificate(meant: &Meant) -> Result<Option<Arc<Current>>, Failure> {
    let Some(files) = &meant.tls else { return Ok(None) };
    let current = Current::open(files.clone()).map_err(|trouble| {
        Failure::new(trouble.to_string()).hint("--tls-cert, --tls-key, --tls-client-ca")
    })?;
    tracing::info!(ends = %current.ends(), "both doors speak TLS");
    Ok(Some(Arc::new(current)))
}

async fn listen(door: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(format!("cannot listen on {address}: {error}"))
            .hint(format!("--{door} ADDR takes another address"))
    })
}

async fn serve_kafka(
    listener: Option<Listener>,
    bus: Bus,
    meant: Meant,
    ended: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let Some(listener) = listener else { return Ok(()) };
    let options = door_kafka::Options { cluster: meant.name, advertised: meant.kafka_advertised };
    door_kafka::serve(listener, bus, options, ended).await
}

async fn open(meant: &Meant) -> Result<(Bus, Arc<Embedded>), Failure> {
    prepare_folder(&meant.data)?;
    let carriers = Carriers::new(meant)?;
    let failed = |error: &dyn std::fmt::Display| Failure::new(error.to_string());
    let folder = meant.data.join("journal");
    let opened = tokio::task::block_in_place(|| {
        Embedded::open(&folder, Arc::new(RealDisk::new()), Options::default())
    });
    let (journal, recovered) = opened.map_err(|error| failed(&error))?;
    tracing::info!("{recovered}");
    let journal = Arc::new(journal);
    let kms = kms::open(&meant.kms)?;
    let settings = Settings {
        data: meant.data.clone(),
        name: meant.name.clone(),
        state_prefix: meant.state_prefix.clone(),
        keys: meant.keys.clone(),
    };
    let (bus, opened) = Bus::open(settings, journal.clone(), kms, Arc::new(SystemClock))
        .await
        .map_err(|error| failed(&error))?;
    tracing::info!("{opened}");
    carriers.start(&bus);
    Ok((bus, journal))
}

/// A folder of somebody else's must not become ours by a slip.
fn prepare_folder(data: &Path) -> Result<(), Failure> {
    const MARKER: &str = "CHANCERY";
    let marker = data.join(MARKER);
    if marker.exists() {
        return Ok(());
    }
    if data.is_dir() && fs::read_dir(data)?.next().is_some() {
        return Err(Failure::new(format!("{} is not empty and not a data folder of a bus", data.display()))
            .hint("--data DIR takes another folder"));
    }
    fs::create_dir_all(data)?;
    Ok(fs::write(marker, "This is the data folder of a Chancery bus, format 1.\n")?)
}

async fn told_to_end() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
    tracing::info!("told to end: draining");
}

fn log_to_stderr(meant: &Meant) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&meant.log).map_err(|error| Failure::usage(format!("log: {error}")))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let set = if meant.log_json { log.json().try_init() } else { log.with_ansi(false).try_init() };
    set.map_err(|error| Failure::new(error.to_string()))
}
