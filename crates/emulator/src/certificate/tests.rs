use std::path::PathBuf;

use super::*;

/// A folder that is removed on drop.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let name = format!("azwire-certificate-{}", uuid::Uuid::new_v4().simple());
        Self(std::env::temp_dir().join(name))
    }

    fn start(&self, names: &[&str], day: u64) -> Result<Certificates> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Certificates::load_or_make(&self.0, &names, on(day))
    }

    fn error(&self) -> String {
        let error = self.start(&[], 0).err().expect("it is refused").to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    }

    fn files(&self) -> [Vec<u8>; 2] {
        ["ca.pem", "ca.key"].map(|name| std::fs::read(self.0.join(name)).unwrap_or_default())
    }

    fn stored(&self) -> Stored {
        let files = Folder(&self.0).read().unwrap().unwrap();
        Stored::read(&files.certificate).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn on(day: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_secs(DAY.as_secs() * day)
}

#[test]
fn an_authority_lives_825_days_and_is_renewed_a_month_before_its_end() {
    let place = Place::new();
    place.start(&[], 100).unwrap();
    let first = place.files();
    let stored = place.stored();
    assert_eq!(stored.not_after - stored.not_before, AUTHORITY_LIFE);
    assert_eq!(stored.not_before, date_of(on(99)));
    for (day, is_kept) in [(99, true), (100 + 794, true), (100 + 795, false)] {
        place.start(&[], day).unwrap();
        assert_eq!(place.files() == first, is_kept, "{day}");
    }
    let second = place.files();
    // The clock was ahead when it was issued.
    place.start(&[], 100 + 793).unwrap();
    assert_ne!(place.files(), second);
    assert_eq!(place.names(), [".lock", "ca.key", "ca.pem"]);
}

#[test]
fn an_authority_is_renewed_for_other_names_and_keeps_those_that_it_had() {
    let place = Place::new();
    place.start(&["a.example"], 0).unwrap();
    let first = place.files();
    place.start(&[], 1).unwrap();
    place.start(&["deep.a.example", "127.0.0.2"], 1).unwrap();
    assert_eq!(place.files(), first);
    place.start(&["*.b.example", "10.0.0.1"], 1).unwrap();
    let second = place.files();
    assert_ne!(second, first);
    place
        .start(&["a.example", "x.b.example", "10.0.0.1"], 2)
        .unwrap();
    assert_eq!(place.files(), second);
}

#[test]
fn an_authority_of_before_is_renewed() {
    for (constrained, days) in [(false, 800), (true, 3650)] {
        let place = Place::new();
        std::fs::create_dir(&place.0).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = ca_params(&Scope::of(&[]), date_of(on(0)));
        params.not_after = params.not_before + DAY * days;
        if !constrained {
            params.name_constraints = None;
        }
        let ca = params.self_signed(&key).unwrap();
        let folder = Folder(&place.0);
        folder.write(ca.der(), key.serialized_der()).unwrap();
        let before = place.files();
        place.start(&[], 1).unwrap();
        assert_ne!(place.files(), before);
        assert!(place.stored().scope.is_some());
    }
}

/// Maps the content of a file to its damaged content; `None` if it is gone.
type Damage = dyn Fn(&[u8]) -> Option<Vec<u8>>;

#[test]
fn a_damaged_folder_says_so_and_how_to_mend_it() {
    const MEND: &str = "delete ca.pem and ca.key in ";
    let damages: [(&str, &Damage, &str); 8] = [
        ("ca.pem", &|_| None, "only one of ca.pem and ca.key"),
        ("ca.key", &|_| None, "only one of ca.pem and ca.key"),
        (
            "ca.pem",
            &|_| Some(Vec::new()),
            "ca.pem is empty and not a certificate in PEM",
        ),
        (
            "ca.key",
            &|_| Some(Vec::new()),
            "ca.key is empty and not a private key in PEM",
        ),
        (
            "ca.pem",
            &|all| Some(all[..all.len() / 2].to_vec()),
            "ca.pem is not a certificate",
        ),
        (
            "ca.key",
            &|all| Some(all[..all.len() / 2].to_vec()),
            "ca.key is not a private key",
        ),
        (
            "ca.key",
            &|_| Some(vec![0xff; 100]),
            "ca.key is not a private key",
        ),
        (
            "ca.pem",
            &|_| Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_vec()),
            "ca.pem is not a certificate",
        ),
    ];
    for (name, damage, says) in damages {
        let place = Place::new();
        place.start(&[], 0).unwrap();
        let path = place.0.join(name);
        match damage(&std::fs::read(&path).unwrap()) {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let before = place.files();
        let error = place.error();
        assert!(error.contains(says) && error.contains(MEND), "{error}");
        assert_eq!(place.files(), before, "nothing is touched");
        // The advice in the error works.
        for name in ["ca.pem", "ca.key"] {
            std::fs::remove_file(place.0.join(name)).ok();
        }
        place.start(&[], 0).unwrap();
    }
}

#[test]
fn a_write_that_fails_leaves_nothing_behind() {
    let place = Place::new();
    // A folder in the place of the certificate makes the rename fail.
    std::fs::create_dir_all(place.0.join("ca.pem/in the way")).unwrap();
    let error = Folder(&place.0).write(b"certificate", b"key").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot use the certificate folder")
    );
    assert_eq!(place.names(), ["ca.pem"]);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    for name in ["ca.pem", "ca.key", ".lock"] {
        let (place, outside) = (Place::new(), Place::new());
        std::fs::create_dir(&place.0).unwrap();
        symlink(&outside.0, place.0.join(name)).unwrap();
        let error = place.error();
        let says = match name {
            ".lock" => "cannot use the certificate folder",
            _ => "is a link to a file that does not exist",
        };
        assert!(error.contains(says), "{error}");
        assert!(!outside.0.exists(), "{name}");
    }
    // A link to a good file is read, but an old file is not replaced through it.
    let (place, outside) = (Place::new(), Place::new());
    outside.start(&[], 0).unwrap();
    std::fs::create_dir(&place.0).unwrap();
    for name in ["ca.pem", "ca.key"] {
        symlink(outside.0.join(name), place.0.join(name)).unwrap();
    }
    let before = outside.files();
    place.start(&[], 1).unwrap();
    let error = place.start(&[], 1000).err().unwrap().to_string();
    assert!(error.contains("is a link"), "{error}");
    assert_eq!(outside.files(), before);
    let key = std::fs::metadata(outside.0.join("ca.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn two_that_start_at_once_agree() {
    let place = Place::new();
    let pems: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| place.start(&[], 0).unwrap().ca_pem))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert!(pems.iter().all(|pem| pem.as_bytes() == place.files()[0]));
}

#[test]
fn dates_that_no_certificate_can_hold_do_no_harm() {
    for time in [
        UNIX_EPOCH,
        UNIX_EPOCH - DAY,
        UNIX_EPOCH + DAY * 4_000_000,
        on(0),
    ] {
        let place = Place::new();
        Certificates::load_or_make(&place.0, &[], time).unwrap();
        let (first, stored) = (place.files(), place.stored());
        assert_eq!(stored.not_after - stored.not_before, AUTHORITY_LIFE);
        // It counts as valid at that time, so the next start makes no other.
        Certificates::load_or_make(&place.0, &[], time).unwrap();
        assert!(place.files() == first, "{time:?}");
    }
}

#[test]
fn the_servers_certificate_is_renewed_long_before_its_end() {
    let made = date_of(on(20));
    for (day, expected) in [
        (20, false),
        (29, false),
        (30, true),
        (400, true),
        (19, true),
    ] {
        assert_eq!(is_due(made, date_of(on(day))), expected, "{day}");
    }
    assert!(RENEWAL + SLACK + DAY < LIFE);
    let place = Place::new();
    let certificates = place.start(&[], 0).unwrap();
    for day in [10, 20, 780] {
        certificates.renew(date_of(on(day))).unwrap();
    }
}
