//! What a running program cannot change: it keeps its addresses and its data folder until it is started again.

use crate::config::Settings;

/// Puts back into `next` what stays as it is in `running`, and returns the keys that wait for a restart.
pub(super) fn keep(running: &Settings, next: &mut Settings) -> Vec<&'static str> {
    let mut waiting = Vec::new();
    if next.listen != running.listen {
        next.listen = running.listen;
        waiting.push("listen");
    }
    if next.admin != running.admin {
        next.admin = running.admin;
        waiting.push("admin");
    }
    if next.data_dir != running.data_dir {
        next.data_dir.clone_from(&running.data_dir);
        waiting.push("data_dir");
    }
    // The file was checked with the admin address that it gives. If that is loopback but the one we keep is not, the file
    // may have no token, and the API would lie open.
    if !running.admin.ip().is_loopback() && next.admin_token.is_none() {
        next.admin_token.clone_from(&running.admin_token);
        waiting.push("admin_token");
    }
    waiting
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::secret::Secret;

    use super::*;

    fn settings(admin: &str, token: Option<&str>) -> Settings {
        Settings {
            listen: "0.0.0.0:8080".parse().unwrap(),
            admin: admin.parse().unwrap(),
            admin_token: token.map(Secret::new),
            ..Settings::for_tests()
        }
    }

    #[test]
    fn addresses_and_the_data_folder_wait_for_a_restart() {
        let running = settings("127.0.0.1:8081", None);
        let mut same = running.clone();
        assert!(keep(&running, &mut same).is_empty());

        let mut next = Settings {
            listen: "0.0.0.0:9090".parse().unwrap(),
            data_dir: PathBuf::from("elsewhere"),
            max_size: 2,
            ..settings("127.0.0.1:9091", Some("token"))
        };
        assert_eq!(keep(&running, &mut next), ["listen", "admin", "data_dir"]);
        assert_eq!((next.listen, next.admin), (running.listen, running.admin));
        assert_eq!(next.data_dir, running.data_dir);
        assert_eq!(next.max_size, 2, "everything else is new");
        assert!(next.admin_token.is_some());
    }

    #[test]
    fn an_api_that_stays_off_loopback_keeps_its_token() {
        let running = settings("0.0.0.0:8081", Some("token"));
        let mut next = settings("127.0.0.1:8081", None);
        assert_eq!(keep(&running, &mut next), ["admin", "admin_token"]);
        assert_eq!(next.admin_token, running.admin_token);

        let mut rotated = settings("0.0.0.0:8081", Some("another"));
        assert!(keep(&running, &mut rotated).is_empty());
        assert_eq!(rotated.admin_token, Some(Secret::new("another")));
    }
}
