//! The command line: subcommands and flags, made from the table of settings.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind};

use crate::config::{Config, ConfigError, Key, keys};

/// The action that the command line asks for.
#[derive(Debug)]
pub enum Action {
    /// Run the PBX; with `check`, only say whether it would start.
    Serve {
        /// Its settings.
        config: Box<Config>,
        /// Test and start nothing.
        check: bool,
    },
    /// Compile and test dialplans.
    Check {
        /// Their folder.
        dialplans: PathBuf,
        /// The folder of the prompts they play.
        prompts: PathBuf,
    },
    /// Feed a recording to a fresh switch.
    Replay {
        /// The recording.
        file: PathBuf,
    },
}

/// Why there is nothing to do.
#[derive(Debug)]
pub enum CliError {
    /// Help or version were asked for: this is it, and it is no failure.
    Shown(String),
    /// The command line is wrong; one line.
    Usage(String),
    /// A setting is wrong; one line.
    Config(ConfigError),
}

/// Reads a command line, its first item being the program's name.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Action, CliError> {
    let matches = command().try_get_matches_from(arguments).map_err(|error| {
        let text = error.render().to_string();
        let kind = error.kind();
        if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            CliError::Shown(text)
        } else if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            // Without a subcommand clap shows the help as an error.
            CliError::Usage(text.trim_end().to_owned())
        } else {
            CliError::Usage(one_line(&text))
        }
    })?;
    match matches.subcommand() {
        Some(("serve", given)) => {
            let config = settings(given, variable).map_err(CliError::Config)?;
            Ok(Action::Serve {
                config: Box::new(config),
                check: given.get_flag("check"),
            })
        }
        Some(("check", given)) => {
            let folder = |argument: &str, name: &str, otherwise: PathBuf| {
                let given = given.get_one::<String>(argument).cloned();
                let given = given.or_else(|| variable(name).filter(|text| !text.is_empty()));
                given.map_or(otherwise, PathBuf::from)
            };
            let defaults = Config::default();
            Ok(Action::Check {
                dialplans: folder("dir", "TANDEM_DIALPLANS", defaults.dialplans),
                prompts: folder("prompts", "TANDEM_PROMPTS", defaults.sounds.prompts),
            })
        }
        Some(("replay", given)) => {
            let file = given.get_one::<String>("file").map(PathBuf::from).unwrap_or_default();
            Ok(Action::Replay { file })
        }
        Some(_) | None => Err(CliError::Usage("a command is missing; try tandem --help".into())),
    }
}

fn settings(given: &ArgMatches, variable: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
    let file = given
        .get_one::<String>("config")
        .cloned()
        .or_else(|| variable("TANDEM_CONFIG"))
        .map(PathBuf::from);
    let flag = |name: &str| {
        given
            .get_many::<String>(name)
            .map(|values| values.cloned().collect())
            .unwrap_or_default()
    };
    Config::load(file.as_deref(), variable, flag)
}

/// Warnings of `TANDEM_*` variables that are no settings; most likely a name is mistyped. They do not prevent a start,
/// because other programs use such names, too (Kubernetes does for a service called tandem).
pub fn unknown_variables(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known: Vec<String> = keys().map(Key::variable).collect();
    known.push("TANDEM_CONFIG".to_owned());
    let unknown = |name: &String| name.starts_with("TANDEM_") && !known.contains(name);
    let mut names: Vec<String> = names.into_iter().filter(unknown).collect();
    names.sort();
    let say = |name: String| {
        let near = switch::did_you_mean(&name, known.iter().map(String::as_str));
        format!("{name} is set, and is no setting{near}")
    };
    names.into_iter().map(say).collect()
}

/// The first paragraph of clap's message, on one line, with where to read on.
fn one_line(text: &str) -> String {
    let first: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let first = first.join(" ");
    format!("{}; try --help", first.strip_prefix("error: ").unwrap_or(&first))
}

/// The whole command line, for parsing and for the help.
pub fn command() -> Command {
    Command::new("tandem")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A PBX: desk phones register, Rhai scripts decide where calls go.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(serve())
        .subcommand(
            Command::new("check")
                .about("Compile dialplans and run their tests")
                .long_about(
                    "Compiles every script in DIR and runs the tests in DIR/tests. All faults are printed at once, as \
                     file:line:column: message with paths that an editor opens, and the exit status is then 1. \
                     Prompts that scripts play by name are looked for in the folder of --prompts.",
                )
                .args_override_self(true)
                .arg(
                    Arg::new("dir")
                        .value_name("DIR")
                        .help("The dialplan folder [env: TANDEM_DIALPLANS] [default: ./dialplans]"),
                )
                .arg(
                    Arg::new("prompts")
                        .long("prompts")
                        .value_name("DIR")
                        .help("Where sound files for `play` are [env: TANDEM_PROMPTS] [default: ./prompts]"),
                ),
        )
        .subcommand(
            Command::new("replay")
                .about("Run a recording made with `serve --record` again")
                .long_about(
                    "Gives a fresh switch everything that FILE says happened, at the same times and from the \
                     same seed, and prints what it puts out, one JSON object a line.",
                )
                .arg(Arg::new("file").value_name("FILE").required(true).help("The recording")),
        )
}

fn serve() -> Command {
    let mut serve = Command::new("serve")
        // As in other programs: a flag that is given twice replaces the first one.
        .args_override_self(true)
        .about("Run the PBX")
        .long_about(
            "Runs the PBX until SIGTERM. SIGHUP reloads the dialplans.\n\n\
             Settings are read from the file named by --config, then from TANDEM_* variables, then from flags; \
             later ones win, also of a flag that is given twice. In the file a setting has its flag's name with underscores: log_level = \"debug\". \
             Lists are arrays there, and parted by commas in a variable.",
        )
        .after_help(
            "The first start on an empty data folder makes the database, extensions 101 and 102, and an admin \
             token, and prints their secrets once. TANDEM_ADMIN_TOKEN (or admin_token in the file) sets the token \
             instead; TANDEM_DEMO=0 makes no extensions. TANDEM_PUSH_URL (or push_url in the file) is the http: address \
             to which a POST goes where a phone that sleeps has to be woken.\n\
             Exit status: 0 after SIGTERM, 2 for a wrong setting, 1 where it could not start or had to end.",
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .help_heading("Places")
                .help("Read settings from this TOML file [env: TANDEM_CONFIG]"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help_heading("Running")
                .help("Test settings, ports, database and dialplans, say what would fail, and start nothing"),
        );
    for key in keys().filter(|key| key.flag) {
        serve = serve.arg(argument(key));
    }
    serve
}

fn argument(key: &'static Key) -> Arg {
    Arg::new(key.name)
        .long(key.name)
        .value_name(key.value)
        .help_heading(key.group)
        .action(if key.list { ArgAction::Append } else { ArgAction::Set })
        .allow_hyphen_values(true)
        .help(format!(
            "{} [env: {}] [default: {}]",
            key.help,
            key.variable(),
            key.default
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Action, CliError> {
        parse(line.split_whitespace().map(OsString::from), |_| None)
    }

    #[test]
    fn the_help_names_every_setting_with_variable_and_default() {
        let Err(CliError::Shown(help)) = run("tandem serve --help") else {
            panic!("no help")
        };
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for key in keys() {
            assert!(help.contains(&key.variable()), "{}", key.name);
            if key.flag {
                assert!(
                    help.contains(&format!("--{} <{}>", key.name, key.value)),
                    "{}",
                    key.name
                );
                assert!(help.contains(key.default), "{}", key.name);
            }
        }
        for more in [
            "--config <FILE>",
            "--check",
            "TANDEM_CONFIG",
            "SIGTERM",
            "SIGHUP",
            "Exit status",
        ] {
            assert!(help.contains(more), "{more}");
        }
        let Err(CliError::Shown(help)) = run("tandem --help") else {
            panic!("no help")
        };
        for command in ["serve", "check", "replay"] {
            assert!(help.contains(command));
        }
        command().debug_assert();
    }

    #[test]
    fn a_secret_is_no_flag() {
        assert!(matches!(
            run("tandem serve --admin-token 0123456789abcdef"),
            Err(CliError::Usage(_))
        ));
    }

    #[test]
    fn usage_errors_are_one_line() {
        for (line, part) in [
            ("tandem serve --nope 1", "'--nope'"),
            ("tandem serve --drain", "--drain"),
            ("tandem sevre", "'sevre'"),
            ("tandem replay", "FILE"),
        ] {
            let Err(CliError::Usage(error)) = run(line) else {
                panic!("{line} was taken")
            };
            assert!(error.contains(part) && error.lines().count() == 1, "{line}: {error}");
        }
    }

    #[test]
    fn of_a_flag_given_twice_the_last_wins_and_lists_grow() {
        let line = "tandem serve --check --drain 1 --sip udp:127.0.0.1:1 --drain 2 --check --sip udp:127.0.0.1:2";
        let Ok(Action::Serve { config, check }) = run(line) else {
            panic!("not served")
        };
        assert_eq!(
            (config.drain.as_secs(), config.sip.listeners.len(), check),
            (2, 2, true)
        );
        assert!(matches!(
            run("tandem serve --config /a --config /b"),
            Err(CliError::Config(ConfigError::File { path, .. })) if path == "/b"
        ));
    }

    #[test]
    fn variables_that_are_no_settings_are_named_with_what_was_meant() {
        let names = [
            "PATH",
            "TANDEM_DATA",
            "TANDEM_CONFIG",
            "TANDEM_PORT_5060_UDP_PROTO",
            "TANDEM_DAIN",
            "TANDEM_ADMIN_TOKEN",
        ];
        assert_eq!(
            unknown_variables(names.map(str::to_owned)),
            [
                "TANDEM_DAIN is set, and is no setting; did you mean TANDEM_DRAIN?",
                "TANDEM_PORT_5060_UDP_PROTO is set, and is no setting",
            ]
        );
    }

    #[test]
    fn subcommands_are_told_apart() {
        let Ok(Action::Serve { config, check }) = run("tandem serve --check --sip udp:127.0.0.1:1 --sip tcp:[::1]:2")
        else {
            panic!("not served")
        };
        assert!(check && config.sip.listeners.len() == 2);
        for (line, folders) in [
            ("tandem check plans", ["plans", "./prompts"]),
            ("tandem check --prompts sounds", ["./dialplans", "sounds"]),
        ] {
            let Ok(Action::Check { dialplans, prompts }) = run(line) else {
                panic!("{line}")
            };
            assert_eq!([dialplans.as_os_str(), prompts.as_os_str()], folders);
        }
        assert!(matches!(run("tandem replay x.jsonl"), Ok(Action::Replay { file }) if file.as_os_str() == "x.jsonl"));
        let from_file = parse(["tandem", "serve"].map(OsString::from), |name| {
            (name == "TANDEM_CONFIG").then(|| "/nowhere".into())
        });
        assert!(matches!(from_file, Err(CliError::Config(ConfigError::File { .. }))));
    }
}
