//! What the files of the guides say.

/// Returns the files that a page shows: the code blocks that have a file name after their language.
pub(super) fn files(page: &str) -> Vec<(&str, String)> {
    let mut files = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let code = lines.by_ref().take_while(|line| *line != "```");
        let text: String = code.flat_map(|line| [line, "\n"]).collect();
        if let Some((_, name)) = info.split_once(' ') {
            files.push((name, text));
        }
    }
    files
}

/// Returns the commands that a page shows: what follows `$ ` in the blocks of a console.
pub(super) fn commands(page: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let block = lines.by_ref().take_while(|line| *line != "```");
            let of_a_console = block.filter(|_| line == "```console");
            commands.extend(of_a_console.filter_map(|line| line.strip_prefix("$ ")));
        }
    }
    commands
}

/// Returns the variables that a Dockerfile sets with `ENV NAME=VALUE …`.
pub(super) fn variables(dockerfile: &str) -> Vec<(&str, &str)> {
    dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("ENV "))
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.split_once('='))
        .collect()
}

/// Checks that a connection string has the advertised name and a port of the settings, which
/// are those that `azwire-emulator config` prints.
pub(super) fn check_endpoint(connection_string: &str, settings: &str) -> Result<(), String> {
    let is_set = |key: &str, wanted: &str| {
        settings
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .filter_map(|(name, value)| Some((name, value.split("  #").next()?)))
            .any(|(name, value)| name == key && value.trim_matches('"') == wanted)
    };
    let parts = || {
        connection_string
            .split(';')
            .filter_map(|part| part.split_once('='))
    };
    let endpoint = parts().find(|(key, _)| *key == "Endpoint");
    let (_, address) = endpoint
        .and_then(|(_, endpoint)| endpoint.split_once("://"))
        .ok_or("has no endpoint")?;
    let address = address.trim_end_matches('/');
    let (host, port) = match address.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (
            address,
            parts().find_map(|(key, port)| (key == "Port").then_some(port)),
        ),
    };
    if !is_set("advertise", host) {
        return Err(format!(
            "names {host}, which is not what the emulator is called"
        ));
    }
    let port = port.unwrap_or_default();
    if !is_set("port", port) && !is_set("plain-port", port) {
        return Err(format!(
            "has the port {port:?}, which is none of the emulator's"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_with_a_file_name_are_files() {
        let page =
            "text\n```console\n$ pytest\n```\n```js a.js\nfirst\n\nsecond\n```\n```py b.py\n```\n";
        assert_eq!(
            files(page),
            [
                ("a.js", "first\n\nsecond\n".to_owned()),
                ("b.py", String::new())
            ]
        );
    }

    #[test]
    fn commands_are_those_of_a_console() {
        let page = "$ text\n```console\n$ one -a\nits output\n$ two\n```\n```sh\n$ three\n```\n```console\n$ four\n```\n";
        assert_eq!(commands(page), ["one -a", "two", "four"]);
    }

    #[test]
    fn variables_of_an_image_are_read() {
        let file = "FROM a\nENV ONE=1 TWO=/2\nRUN ENV=3\n";
        assert_eq!(variables(file), [("ONE", "1"), ("TWO", "/2")]);
    }

    #[test]
    fn a_connection_string_must_lead_to_the_emulator() {
        let settings = "advertise = \"emulator\"  # --advertise\n[pubsub]\nport = 8080  # default\n\
                        [relay]\nport = 9443  # default\nplain-port = 9080  # default\n";
        for good in [
            "Endpoint=http://emulator;Port=8080;AccessKey=a",
            "Endpoint=sb://emulator:9443/;EntityPath=hc1",
            "Endpoint=sb://emulator:9080/",
        ] {
            assert_eq!(check_endpoint(good, settings), Ok(()), "{good}");
        }
        for bad in [
            "",
            "Endpoint=http://localhost;Port=8080",
            "Endpoint=http://emulator;Port=80",
            "Endpoint=sb://emulator/",
        ] {
            assert!(check_endpoint(bad, settings).is_err(), "{bad}");
        }
    }
}
