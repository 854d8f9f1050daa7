//! `azwire manual`: the manual page, made from the definition of the command line.

use clap::{Arg, Args, Command};
use clap_mangen::Man;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Prints the manual page, for man.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire manual | man -l -
  azwire manual > ~/.local/share/man/man1/azwire.1")]
pub(crate) struct Manual {}

impl Manual {
    pub(crate) fn run(&self, command: Command, output: Output) -> Result<()> {
        let page = page(command).map_err(|error| Failure::io("the manual page", &error))?;
        output.write(&page)
    }
}

/// Returns one page for all commands: options that many commands have are described once,
/// where they begin.
fn page(mut command: Command) -> std::io::Result<Vec<u8>> {
    command.build();
    let mut page = Vec::new();
    let exit_codes = Exit::ALL.map(|exit| (exit.code().to_string(), exit.meaning()));
    let whole = Man::new(command.clone().after_help("").after_long_help(""));
    // Without the version, which is nothing that a release should have to generate again.
    let whole = whole.source("azwire");
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    page.extend_from_slice(b".SH COMMANDS\n");
    for noun in command.get_subcommands() {
        section(noun, &mut page, true)?;
    }
    page.extend_from_slice(b".SH \"EXIT STATUS\"\n");
    for (code, meaning) in exit_codes {
        page.extend_from_slice(format!(".TP\n{code}\n{}\n", escaped(meaning)).as_bytes());
    }
    Ok(page)
}

/// Writes a command and those below it.
fn section(command: &Command, page: &mut Vec<u8>, is_noun: bool) -> std::io::Result<()> {
    let mut heading = command
        .get_bin_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    for arg in command.get_positionals() {
        heading += &match arg.is_required_set() {
            true => format!(" <{}>", value_name(arg)),
            false => format!(" [{}]", value_name(arg)),
        };
    }
    page.extend_from_slice(format!(".SS \"{}\"\n", escaped(&heading)).as_bytes());
    // The options of a noun are global for its verbs; those of azwire are at the top.
    let is_shown = |arg: &Arg| match arg.get_id().as_str() {
        "help" | "version" => false,
        id => !COMMON.contains(&id) && (is_noun || !arg.is_global_set()),
    };
    let own = command.clone().mut_args(|arg| {
        let is_hidden = !is_shown(&arg);
        arg.hide(is_hidden)
    });
    let man = Man::new(own);
    let mut text = Vec::new();
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    man.render_extra_section(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    for line in text.lines() {
        // Headings of a page of its own.
        match line.strip_prefix(".SH ") {
            Some("DESCRIPTION" | "EXTRA") => page.extend_from_slice(b".PP\n"),
            Some(heading) => {
                let heading = heading.trim_matches('"');
                page.extend_from_slice(format!(".PP\n\\fI{heading}\\fR\n").as_bytes());
            }
            None => page.extend_from_slice(format!("{line}\n").as_bytes()),
        }
    }
    for verb in command.get_subcommands() {
        section(verb, page, false)?;
    }
    Ok(())
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let name = names.first().map(ToString::to_string);
    name.unwrap_or_else(|| arg.get_id().to_string().to_uppercase())
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('-', "\\-")
        .replace('"', "\\(dq")
}

/// The options of every command.
const COMMON: &[&str] = &["output", "log", "log_format", "log_file"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_every_command_once() {
        let verb = Command::new("send")
            .about("Sends")
            .arg(clap::arg!(--all "To all"));
        let hub = Arg::new("hub").long("hub").help("The hub").global(true);
        let noun = Command::new("pubsub")
            .about("Web PubSub")
            .arg(hub)
            .subcommand(verb);
        let page = page(Command::new("azwire").subcommand(noun)).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains(".SS \"azwire pubsub send\"\n"), "{page}");
        assert_eq!(page.matches("The hub").count(), 1, "{page}");
        assert_eq!(page.matches("To all").count(), 1, "{page}");
        assert!(page.contains(".SH \"EXIT STATUS\"\n"), "{page}");
    }
}
