//! `azwire completions`: scripts with which shells complete its commands and options.

use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};

use crate::failure::Result;
use crate::output::Output;

/// Prints the script with which a shell completes azwire.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire completions bash > ~/.local/share/bash-completion/completions/azwire
  azwire completions zsh > \"${fpath[1]}/_azwire\"
  azwire completions fish > ~/.config/fish/completions/azwire.fish
  azwire completions powershell >> $PROFILE")]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
}

impl Completions {
    pub(crate) fn run(&self, mut command: Command, output: Output) -> Result<()> {
        let shell = match self.shell {
            Kind::Bash => Shell::Bash,
            Kind::Zsh => Shell::Zsh,
            Kind::Fish => Shell::Fish,
            Kind::PowerShell => Shell::PowerShell,
        };
        let mut script = Vec::new();
        generate(shell, &mut command, "azwire", &mut script);
        output.write(&script)
    }
}
