//! `anchor bench <scenario> --ms N` prints one JSON line about kinfolk alone, so that an external rig can set it
//! beside other frameworks. What cannot be measured answers `{"skip":true}`. The rig chooses the placement.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use kinfolk_bench::{Contender, Failure, Pace, Scenario, child_main};

fn main() -> ExitCode {
    if let Some(code) = child_main() {
        return code;
    }
    let outcome = answer().and_then(|line| Ok(writeln!(std::io::stdout(), "{line}")?));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to do if even standard error is closed.
            let _ = writeln!(std::io::stderr(), "anchor: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> Result<String, Failure> {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() != Some("bench") {
        return Err("usage: anchor bench <scenario> [--ms N]".into());
    }
    let name = args.next().ok_or("the scenario is missing")?;
    let mut millis = 1000;
    while let Some(option) = args.next() {
        if option == "--ms" {
            millis = args.next().ok_or("--ms needs a number")?.parse()?;
        }
    }
    // Pools are compared by this package itself: their workers need more than one processor.
    let Some(scenario) = Scenario::parse(&name).filter(|scenario| !scenario.is_of_pools()) else {
        return Ok(r#"{"skip":true}"#.into());
    };
    let sample = Contender::Kinfolk.measure(scenario, &Pace::lasting(Duration::from_millis(millis)))?;
    Ok(serde_json::to_string(&sample)?)
}
