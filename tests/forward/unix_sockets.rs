//! Unix sockets at both ends.

use azwire_tests::relay::link::World;
use azwire_tests::within;
use forward::expression::{LocalBinding, RemoteBinding};
use forward::{ErrorKind, LocalForwarder, RemoteForwarder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::fixture::{LONG, port_name};

/// A folder for sockets, whose paths must be short; removed at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("azwire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn sockets_at_both_ends_keep_half_close() {
    within(async {
        let folder = Folder::new("pair");
        let world = World::start().await;
        let target = UnixListener::bind(folder.path("t")).unwrap();
        let remote = RemoteForwarder::builder(world.listener())
            .target(RemoteBinding::socket(folder.path("t")).with_port_name(port_name()))
            .open()
            .await
            .unwrap();
        let binding = LocalBinding::socket(folder.path("l")).with_port_name(port_name());
        let local = LocalForwarder::builder(world.sender()).bind(binding);
        let local = local.open().await.unwrap();
        assert!(local.local_addrs().is_empty());
        let mut client = UnixStream::connect(folder.path("l")).await.unwrap();
        let (mut server, _) = target.accept().await.unwrap();
        let question = vec![7; 1_000_000];
        let asking = async {
            client.write_all(&question).await.unwrap();
            client.shutdown().await.unwrap();
        };
        let mut asked = Vec::new();
        tokio::join!(asking, async {
            server.read_to_end(&mut asked).await.unwrap();
        });
        assert!(asked == question);
        server.write_all(b"answer").await.unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        assert_eq!(local.shutdown(LONG).await, 0);
        assert_eq!(remote.shutdown(LONG).await, 0);
        assert!(!folder.path("l").exists(), "its file is removed");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_left_is_replaced_and_one_in_use_is_not() {
    within(async {
        let folder = Folder::new("left");
        let world = World::start().await;
        let path = folder.path("l");
        // The file stays when a program is killed.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let open = |binding| LocalForwarder::builder(world.sender()).bind(binding).open();
        let local = open(LocalBinding::socket(&path)).await.unwrap();
        drop(UnixStream::connect(&path).await.unwrap());
        let error = open(LocalBinding::socket(&path)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bind);
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        // A file of others stays where it is.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "of others").unwrap();
        local.shutdown(LONG).await;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "of others");
        let error = open(LocalBinding::socket(&path)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bind);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "of others");
    })
    .await;
}
