//! Music and prompts, from files of both kinds.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use media::{file::Writer, service::FileFormat, sound::Rate};
use tests::wait::until;

use crate::{
    phones::baresip::{Baresip, Setup},
    support::{
        tandem::{self, Tandem},
        tone,
    },
};

const SOON: Duration = Duration::from_secs(10);

const PLAN: &str = r#"
fn on_call(caller) {
    caller.answer();
    switch caller.dialed {
        "1" => caller.music(),
        "2" => caller.music("folder"),
        "3" => caller.play("said"),
        "4" => caller.play(["short", "spoken"]),
    }
}"#;

/// Ten seconds of a tone as Ogg Opus: by ffmpeg, where it is installed, else by the writer of recordings.
fn write_opus(path: &Path, hertz: f64) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i"])
        .arg(format!("sine=frequency={hertz}:sample_rate=48000:duration=10"))
        .args(["-af", "volume=8dB", "-c:a", "libopus", "-b:a", "32k"])
        .arg(path)
        .stdin(Stdio::null())
        .status();
    if made.is_ok_and(|status| status.success()) {
        return;
    }
    let file = File::create(path).unwrap();
    let mut writer = Writer::begin(file, FileFormat::OggOpus, Rate::Narrow, 1, 1).unwrap();
    writer.write(&tone::pcm(hertz, 10)).unwrap();
    writer.finish().unwrap();
}

fn pbx(prompts: &Path) -> Tandem {
    let pbx = tandem::Setup::new()
        .plan(PLAN)
        .flag("--prompts", prompts.display())
        .start();
    pbx.has("101").has("102");
    pbx
}

/// Calls a number and hears a tone for a second.
fn hears(phone: &mut Baresip, number: &str, hertz: f64) {
    phone.talks_to(number);
    phone.hears(hertz);
    phone.hangs_up();
    phone.expect("CALL_CLOSED");
}

#[test]
fn music_and_prompts_are_heard_and_a_replaced_prompt_at_the_next_play() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    tone::write(&at("default.wav"), 500.0);
    tone::write(&at("said.wav"), 700.0);
    fs::create_dir(at("folder")).unwrap();
    write_opus(&at("folder/one.opus"), 900.0);
    write_opus(&at("spoken.opus"), 1100.0);
    fs::write(at("short.wav"), tone::wav(&tone::pcm(300.0, 1)[..800])).unwrap();
    let pbx = pbx(folder.path());
    let mut alice = Setup::new("101", 440.0).registers(&pbx);
    let wide = Setup {
        codecs: "opus/48000/2",
        ..Setup::new("102", 440.0)
    };
    let mut bob = wide.registers(&pbx);
    alice.talks_to("1");
    bob.talks_to("1");
    alice.hears(500.0);
    bob.hears(500.0);
    alice.hangs_up();
    bob.hangs_up();
    alice.expect("CALL_CLOSED");
    bob.expect("CALL_CLOSED");
    hears(&mut alice, "2", 900.0);
    hears(&mut bob, "2", 900.0);
    hears(&mut alice, "4", 1100.0);
    hears(&mut alice, "3", 700.0);
    tone::write(&at("said.new"), 1300.0);
    fs::rename(at("said.new"), at("said.wav")).unwrap();
    hears(&mut alice, "3", 1300.0);
    hears(&mut bob, "3", 1300.0);
    pbx.expect_nothing_left(SOON);
    assert_eq!(pbx.metric("tandem_panics_total"), 0);
}

#[test]
fn music_that_is_not_there_is_named_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let pbx = pbx(folder.path());
    let mut alice = Setup::new("101", 440.0).registers(&pbx);
    alice.command("dial", "1");
    alice.expect("CALL_CLOSED");
    until("the fault in the log", SOON, || {
        let fault = "music \"default\": neither default.wav, default.opus nor a folder default is in ";
        pbx.log().contains(fault).then_some(())
    });
    pbx.expect_nothing_left(SOON);
}
