//! The contract: on one server, by two executors, and in a cluster.

use std::sync::Arc;

use redis::{Client, Commands, cluster::ClusterClient};
use sessile::{
    BoxFuture, Capabilities, Error, ErrorKind, RedisOptions, RedisStorage, SessionId, SessionStorage, Tags,
    WriteOptions, conformance,
    conformance::{Damage, Harness, Setup},
};

use super::{Duration, SERVER, connect, id, key_of, refused, run, servers::start_cluster};

fn prefix(medium: u64) -> String {
    format!("kit-{medium}:")
}

fn options(setup: Setup) -> RedisOptions {
    RedisOptions::new()
        .prefix(prefix(setup.medium))
        .timeout(Duration::from_secs(120))
        .clock(setup.clock)
        .idle_timeout(setup.idle)
        .absolute_timeout(setup.absolute)
        .max_session_bytes(setup.max_session_bytes.unwrap_or(u64::MAX))
}

/// On the shared server, over a connection for each storage. What is added to the server's address says how.
struct Alone(&'static str);

impl Harness for Alone {
    fn capabilities(&self) -> Capabilities {
        Capabilities { streams: true, conditional: true, tags: true, durable: true, shared: true }
    }

    fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        Box::pin(async move {
            let client = Client::open(SERVER.url() + self.0).unwrap();
            let connection = connect(&client).await;
            Ok(Arc::new(RedisStorage::new(connection, options(setup))?) as Arc<dyn SessionStorage>)
        })
    }

    fn can_damage(&self) -> bool {
        true
    }

    fn damage<'a>(
        &'a self,
        medium: u64,
        id: &'a SessionId,
        damage: Damage,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { damaged(&mut SERVER.connection(), medium, id, damage) })
    }
}

fn damaged(
    connection: &mut impl redis::ConnectionLike,
    medium: u64,
    id: &SessionId,
    damage: Damage,
) -> Result<(), Error> {
    let key = key_of(&prefix(medium), id);
    let record: Option<Vec<u8>> = connection.get(&key).unwrap();
    let mut record = record.ok_or_else(|| Error::new(ErrorKind::Storage, "there is no record to damage"))?;
    damage(&mut record);
    connection.set::<_, _, ()>(&key, record).unwrap();
    Ok(())
}

mod alone {
    use super::*;
    conformance::conformance_tests!(
        #[test]
        run,
        Alone("")
    );
}

#[test]
fn the_contract_holds_on_smol_and_over_the_newer_protocol() {
    let report = smol::block_on(smol::spawn(async { conformance::run(&Alone("/?protocol=resp3")).await }));
    assert!(report.is_clean(), "{report}");
    assert!(report.passed.len() > 100, "{report}");
}

struct InCluster {
    client: ClusterClient,
}

impl Harness for InCluster {
    fn capabilities(&self) -> Capabilities {
        Alone("").capabilities()
    }

    fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        Box::pin(async move {
            let connection = self.client.get_async_connection().await.unwrap();
            Ok(Arc::new(RedisStorage::in_cluster(connection, options(setup))?) as Arc<dyn SessionStorage>)
        })
    }

    fn can_damage(&self) -> bool {
        true
    }

    fn damage<'a>(
        &'a self,
        medium: u64,
        id: &'a SessionId,
        damage: Damage,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let client = self.client.clone();
        Box::pin(async move { damaged(&mut client.get_connection().unwrap(), medium, id, damage) })
    }
}

#[test]
fn the_contract_holds_in_a_cluster() {
    let servers = start_cluster(3);
    let urls: Vec<_> = servers.iter().map(super::Server::url).collect();
    let client = ClusterClient::builder(urls).response_timeout(Duration::from_secs(60)).build().unwrap();
    let harness = InCluster { client: client.clone() };
    let report = run(async move { conformance::run(&harness).await });
    assert!(report.is_clean(), "{report}");
    assert!(report.passed.len() > 100, "{report}");
    for server in &servers {
        assert!(server.ask::<u64>(&["DBSIZE"]) > 50, "the sessions do not lie on all servers");
    }
    run(async move {
        let connection = client.get_async_connection().await.unwrap();
        let mistaken = RedisStorage::new(connection, RedisOptions::new()).unwrap();
        let tagged = WriteOptions::new().tags(Tags::new(["a", "b", "c"]).unwrap());
        let error = refused(mistaken.set(&id(), "content".into(), tagged).await, ErrorKind::InvalidOption);
        assert!(error.to_string().contains("in_cluster"), "{error}");
    });
    let one = &servers[0];
    let client = one.client();
    run(async move {
        let mistaken = RedisStorage::new(connect(&client).await, RedisOptions::new()).unwrap();
        let mut refusals = 0;
        for number in 0..20 {
            let id = SessionId::new(format!("id {number}")).unwrap();
            if let Err(error) = mistaken.set(&id, "content".into(), WriteOptions::new()).await {
                assert_eq!(error.kind(), ErrorKind::Storage);
                assert!(error.to_string().contains("cluster"), "{error}");
                refusals += 1;
            }
        }
        assert!(refusals > 0);
    });
}
