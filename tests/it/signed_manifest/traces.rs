//! Sequences in which what is refused comes after something sound: it must not change what is remembered.

use super::*;

/// The author's key, and another one with its id.
fn manifests_of_twins(config: &mut Config) {
    config.manifest_pubkeys = Some(Pubkeys(vec![Signer::author().pubkey(), Signer::twin().pubkey()]));
}

fn on(channel: &str, sequence: u64) -> Draft {
    draft(sequence).with("channel", channel)
}

fn for_app(sequence: u64) -> Draft {
    draft(sequence).with("app", "com.example.app")
}

fn by_twin(sequence: u64) -> Draft {
    draft(sequence).signed_by(&[Signer::twin()])
}

fn by_new(sequence: u64) -> Draft {
    draft(sequence).signed_by(&[Signer::stranger()])
}

fn rolled_back(draft: &Draft) -> Step {
    refused(draft, ManifestRollback)
}

/// What comes between two sound ones, and is as if it had not been there.
fn between(refused: Step) -> Vec<Step> {
    vec![offered(&draft(1)), refused, rolled_back(&draft(0)), offered(&draft(2))]
}

fn key_ids() -> Vec<Sequence> {
    let by_twins = |sequence| draft(sequence).signed_by(&[Signer::author(), Signer::twin()]);
    vec![
        (
            "two keys of one id, each of which has signed",
            vec![
                offered(&by_twins(5)).with(manifests_of_twins),
                rolled_back(&draft(4)).with(manifests_of_twins),
                rolled_back(&by_twin(4)).with(manifests_of_twins),
                offered(&by_twins(6)).with(manifests_of_twins),
            ],
        ),
        (
            "two keys of one id are counted apart",
            vec![
                offered(&draft(5)).with(manifests_of_twins),
                offered(&by_twin(3)).with(manifests_of_twins),
                rolled_back(&draft(4)).with(manifests_of_twins),
                rolled_back(&by_twin(2)).with(manifests_of_twins),
            ],
        ),
        (
            "a stranger's key with the author's id signs nothing",
            between(refused(&by_twin(9), ManifestSignature)),
        ),
        (
            "a stranger's key with the author's id adds nothing to what the author has signed",
            vec![
                offered(&by_twins(5)),
                refused(&by_twin(6), ManifestSignature),
                rolled_back(&draft(4)),
                offered(&by_twin(4)).with(manifests_of_twins),
            ],
        ),
    ]
}

fn recoveries() -> Vec<Sequence> {
    let last = (1 << 53) - 1;
    vec![
        (
            "run up to the end, recovered with another key, and the stolen one dropped",
            vec![
                offered(&draft(last)).with(manifests_of_both),
                offered(&by_new(2)).with(manifests_of_both),
                offered(&by_new(3)).with(manifests_of_another),
                refused(&draft(last), ManifestSignature).with(manifests_of_another),
                rolled_back(&by_new(2)).with(manifests_of_another),
            ],
        ),
        (
            "a key that was run up to the end stays there",
            vec![
                offered(&draft(last)).with(manifests_of_both),
                offered(&by_new(2)).with(manifests_of_both),
                rolled_back(&draft(3)).with(manifests_of_both),
                offered(&by_new(3)).with(manifests_of_both),
            ],
        ),
        (
            "what was seen under one key is signed by another one as well",
            vec![
                offered(&draft(5)).with(manifests_of_both),
                offered(&draft(6).signed_by(&both())).with(manifests_of_both),
                rolled_back(&by_new(5)).with(manifests_of_both),
                rolled_back(&draft(5)).with(manifests_of_both),
            ],
        ),
    ]
}

fn channels_and_applications() -> Vec<Sequence> {
    vec![
        (
            "to another channel and back",
            vec![
                offered(&on("beta", 5)).with(beta),
                offered(&on("stable", 1)).with(stable),
                rolled_back(&on("beta", 4)).with(beta),
                offered(&on("beta", 6)).with(beta),
                rolled_back(&on("stable", 0)).with(stable),
                offered(&on("stable", 2)).with(stable),
            ],
        ),
        (
            "from no channel to one and back",
            vec![
                offered(&on("stable", 5)),
                offered(&on("stable", 2)).with(stable),
                rolled_back(&on("stable", 4)),
                rolled_back(&on("stable", 1)).with(stable),
            ],
        ),
        (
            "another channel's after the own one's",
            vec![
                offered(&on("stable", 1)).with(stable),
                refused(&on("beta", 9), SignedMetadataMismatch).with(stable),
                offered(&on("stable", 2)).with(stable),
            ],
        ),
        (
            "another application's after the own one's",
            vec![
                offered(&for_app(1)).with(as_app),
                refused(&draft(9).with("app", "com.example.other"), SignedMetadataMismatch).with(as_app),
                offered(&for_app(2)).with(as_app),
            ],
        ),
        (
            "another type of document after a manifest",
            between(refused(&draft(9).with("type", "updater-delta"), SignedMetadataMismatch)),
        ),
        ("no type after a manifest", between(refused(&draft(9).with("type", Value::Null), InvalidManifest))),
        (
            "a later specification after this one",
            between(refused(&draft(9).with("specVersion", 2), InvalidManifest)),
        ),
    ]
}

fn times() -> Vec<Sequence> {
    let expired = |draft: Draft| refused(&draft.with("expires", in_hours(0)), ManifestExpired);
    let future = draft(9).with("issued", in_hours(48)).with("expires", in_hours(96));
    vec![
        ("expired after a sound one", between(expired(draft(9)))),
        ("the sound one itself, once it has expired", between(expired(draft(1)))),
        ("issued in the future after a sound one", between(refused(&future, ManifestExpired))),
        (
            "expired on one channel is nothing on another",
            vec![
                offered(&on("stable", 1)).with(stable),
                expired(on("beta", 9)).with(beta),
                offered(&on("beta", 1)).with(beta),
            ],
        ),
    ]
}

fn answers() -> Vec<Sequence> {
    let sound = draft(5);
    let spoilt = |spoil| between(refused(&draft(9).spoilt(spoil), ManifestSignature));
    let failing = |status| Step::new(Reply::status(status), Outcome::Refused(HttpStatus));
    vec![
        (
            "the first one of two with one sequence stays the sound one",
            vec![
                offered(&sound),
                rolled_back(&sound.clone().with("notes", "other")),
                offered(&sound),
                rolled_back(&draft(4)),
            ],
        ),
        ("an unsigned one between", between(unsigned(UNSIGNED))),
        ("no content between", between(Step::new(Reply::status(204), UNSIGNED))),
        ("an error of the server between", between(failing(500))),
        ("no manifest between", between(failing(404))),
        ("an envelope that is none", spoilt(|envelope| *envelope = json!("signed"))),
        ("no signature", spoilt(|envelope| envelope["signatures"] = json!([]))),
        ("another payload under the signature", spoilt(|envelope| envelope["payload"] = json!("e30="))),
        ("signed, but no JSON", between(refused(&draft(9).saying("<html>"), InvalidManifest))),
        (
            "another sequence in the comment",
            between(refused(&draft(9).commented("type:manifest\tsequence:10"), ManifestSignature)),
        ),
        (
            "required from now on",
            vec![
                unsigned(Outcome::Offered),
                unsigned(UNSIGNED).with(required),
                offered(&draft(1)).with(required),
                unsigned(UNSIGNED),
            ],
        ),
    ]
}

fn sequences() -> Vec<Sequence> {
    let groups = [key_ids(), recoveries(), channels_and_applications(), times(), answers()];
    groups.into_iter().flatten().collect()
}

/// All that the application remembers.
fn remembered(app: &App) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    app.data_files().into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

#[tokio::test]
async fn what_is_refused_changes_nothing_that_is_remembered() {
    for (name, steps) in sequences() {
        let (app, board) = (App::new(), Board::new());
        for (index, step) in steps.into_iter().enumerate() {
            (step.before)(&app);
            board.show(step.answer);
            let before = remembered(&app);
            let outcome = check(&app, &board, step.change).await;
            assert_eq!(outcome, step.expected, "{name}: step {index}");
            if let Outcome::Refused(_) = outcome {
                assert!(remembered(&app) == before, "{name}: step {index} left a trace");
            }
        }
        app.assert_untouched();
    }
}

#[tokio::test]
async fn another_endpoint_cannot_show_another_payload_of_a_sequence_that_was_seen() {
    let (app, one, other) = (App::new(), Board::new(), Board::new());
    let asking = |boards: &[&Board]| Config {
        endpoints: boards.iter().map(|board| board.url()).collect(),
        ..app.config(one.url())
    };
    let codes = async |config: Config| match Updater::new("1.0.0", config).unwrap().check().await {
        Ok(update) => panic!("{update:?}"),
        Err(cargo_packager_updater::Error::NoValidEndpoint { errors }) => {
            errors.iter().map(cargo_packager_updater::Error::code).collect()
        }
        Err(error) => vec![error.code()],
    };
    one.show(draft(5).reply());
    assert_eq!(check(&app, &one, |_| ()).await, Outcome::Offered);
    let seen = remembered(&app);
    other.show(draft(5).with("notes", "other").reply());
    assert_eq!(codes(asking(&[&other])).await, [ManifestRollback]);
    one.show(Reply::status(500));
    assert_eq!(codes(asking(&[&one, &other])).await, [HttpStatus, ManifestRollback]);
    assert!(remembered(&app) == seen);
}

#[test]
fn most_sequences_have_several_steps() {
    let all = [freshness(), time(), identity(), signatures(), keys(), absence(), sequences()];
    let count = all.into_iter().flatten().filter(|(_, steps)| steps.len() >= 2).count();
    assert!(count >= 75, "only {count}");
    println!("{count} sequences of several steps");
}
