//! Signed manifests, as sequences of answers to one application, in the manner of TUF's conformance suite. Every step
//! is a check; what is refused as not the publisher's newest word must leave no trace in what the application remembers.

use std::fs;

use cargo_packager_updater::{Config, Error, ErrorCode, Pubkeys, Updater};
use serde_json::{Value, json};

use crate::support::{
    App, Board, Change, Draft, Reply, Signer, beta, in_hours, manifests_of_another, required, stable,
};

use ErrorCode::{
    HttpStatus, InsecureUrl, InvalidManifest, InvalidSignature, ManifestExpired, ManifestRollback,
    ManifestSignature, ManifestUnsigned, SignedMetadataMismatch, TargetNotFound,
};

/// What comes of a check.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Outcome {
    Offered,
    Nothing,
    Refused(ErrorCode),
}

struct Step {
    answer: Reply,
    expected: Outcome,
    change: Change,
    before: fn(&App),
}

impl Step {
    fn new(answer: Reply, expected: Outcome) -> Self {
        Self { answer, expected, change: |_| (), before: |_| () }
    }

    /// By an application with other options.
    fn with(self, change: Change) -> Self {
        Self { change, ..self }
    }

    /// After something has happened on disk.
    fn after(self, before: fn(&App)) -> Self {
        Self { before, ..self }
    }
}

fn offered(draft: &Draft) -> Step {
    Step::new(draft.reply(), Outcome::Offered)
}

fn nothing(draft: &Draft) -> Step {
    Step::new(draft.reply(), Outcome::Nothing)
}

fn refused(draft: &Draft, code: ErrorCode) -> Step {
    Step::new(draft.reply(), Outcome::Refused(code))
}

fn unsigned(outcome: Outcome) -> Step {
    Step::new(Draft::new(0).unsigned(), outcome)
}

const UNSIGNED: Outcome = Outcome::Refused(ManifestUnsigned);

fn draft(sequence: u64) -> Draft {
    Draft::new(sequence)
}

fn as_app(config: &mut Config) {
    config.app_id = Some("com.example.app".to_owned());
}

fn manifests_of_author(config: &mut Config) {
    config.manifest_pubkeys = Some(Signer::author().pubkey().into());
}

fn manifests_of_both(config: &mut Config) {
    config.manifest_pubkeys = Some(Pubkeys(vec![Signer::author().pubkey(), Signer::stranger().pubkey()]));
}

fn memory(app: &App) -> std::path::PathBuf {
    app.data_files().into_iter().find(|path| path.ends_with("manifests.json")).unwrap()
}

fn forget(app: &App) {
    fs::remove_file(memory(app)).unwrap();
}

fn damage(app: &App) {
    fs::write(memory(app), "{\"counters\": [").unwrap();
}

fn both() -> [&'static Signer; 2] {
    [Signer::author(), Signer::stranger()]
}

fn only_platforms_of(draft: Draft, platforms: &Value) -> Draft {
    draft.with("platforms", platforms.clone())
}

/// A URL that the check refuses, in an otherwise sound manifest.
fn insecure(sequence: u64) -> Draft {
    let mut platforms = draft(sequence).payload()["platforms"].clone();
    for entry in platforms.as_object_mut().unwrap().values_mut() {
        entry["url"] = "http://example.com/App.AppImage".into();
    }
    only_platforms_of(draft(sequence), &platforms)
}

fn unreadable_artifact_signature(sequence: u64) -> Draft {
    let mut platforms = draft(sequence).payload()["platforms"].clone();
    for entry in platforms.as_object_mut().unwrap().values_mut() {
        entry["signature"] = "garbage".into();
    }
    only_platforms_of(draft(sequence), &platforms)
}

type Sequence = (&'static str, Vec<Step>);

fn freshness() -> Vec<Sequence> {
    let once_more = draft(5);
    vec![
        ("one after the other", vec![offered(&draft(1)), offered(&draft(2)), offered(&draft(9))]),
        ("the same again", vec![offered(&once_more), offered(&once_more), offered(&once_more)]),
        ("rollback", vec![offered(&draft(5)), refused(&draft(4), ManifestRollback)]),
        (
            "rollback after a gap",
            vec![offered(&draft(1)), offered(&draft(100)), refused(&draft(99), ManifestRollback)],
        ),
        (
            "what was refused is not remembered, and what comes after it is fine",
            vec![offered(&draft(5)), refused(&draft(4), ManifestRollback), offered(&draft(6))],
        ),
        (
            "equivocation: one sequence, two payloads",
            vec![offered(&draft(5)), refused(&draft(5).with("notes", "other"), ManifestRollback)],
        ),
        (
            "the same content in another spelling is another payload",
            vec![
                offered(&once_more),
                refused(&once_more.clone().saying(format!(" {}", once_more.payload())), ManifestRollback),
            ],
        ),
        (
            "fast-forward to the last number, which is the last",
            vec![offered(&draft((1 << 53) - 1)), refused(&draft((1 << 53) - 2), ManifestRollback)],
        ),
        ("beyond the last number", vec![refused(&draft(1 << 53), InvalidManifest), offered(&draft(1))]),
        ("sequence zero", vec![offered(&draft(0)), offered(&draft(1)), refused(&draft(0), ManifestRollback)]),
        (
            "no update is remembered too",
            vec![nothing(&draft(7).with("version", "1.0.0")), refused(&draft(6), ManifestRollback)],
        ),
        (
            "lost memory is first use again",
            vec![offered(&draft(5)), offered(&draft(4)).after(forget), refused(&draft(3), ManifestRollback)],
        ),
        (
            "a damaged memory is first use again, and kept aside",
            vec![
                offered(&draft(5)),
                offered(&draft(4)).after(damage),
                refused(&draft(3), ManifestRollback).after(|app| {
                    assert!(memory(app).with_extension("damaged").is_file());
                }),
            ],
        ),
    ]
}

fn time() -> Vec<Sequence> {
    let issued_in = |hours| draft(1).with("issued", in_hours(hours)).with("expires", in_hours(hours + 48));
    vec![
        ("expired", vec![refused(&draft(1).with("expires", in_hours(0)), ManifestExpired)]),
        (
            "expired long ago",
            vec![refused(
                &draft(1).with("issued", "1999-01-01T00:00:00Z").with("expires", "2000-01-01T00:00:00Z"),
                ManifestExpired,
            )],
        ),
        (
            "what has expired is not remembered",
            vec![refused(&draft(9).with("expires", in_hours(0)), ManifestExpired), offered(&draft(8))],
        ),
        ("issued a little ahead of this clock", vec![offered(&issued_in(23))]),
        ("issued in the future", vec![refused(&issued_in(25), ManifestExpired)]),
        (
            "freeze: the same one until it expires",
            vec![
                offered(&draft(3)),
                refused(&draft(3).with("expires", in_hours(0)), ManifestExpired),
                offered(&draft(4)),
            ],
        ),
        (
            "expires before it is issued",
            vec![refused(
                &draft(1).with("issued", in_hours(20)).with("expires", in_hours(10)),
                InvalidManifest,
            )],
        ),
        ("no expiry", vec![refused(&draft(1).with("expires", Value::Null), InvalidManifest)]),
        ("no date of issue", vec![refused(&draft(1).with("issued", Value::Null), InvalidManifest)]),
        ("a date in words", vec![refused(&draft(1).with("expires", "tomorrow"), InvalidManifest)]),
        ("the end of all time", vec![offered(&draft(1).with("expires", "9999-12-31T23:59:59Z"))]),
    ]
}

fn identity() -> Vec<Sequence> {
    let for_app = |sequence| draft(sequence).with("app", "com.example.app");
    let on = |sequence, channel: &str| draft(sequence).with("channel", channel);
    vec![
        (
            "another type of document",
            vec![refused(&draft(1).with("type", "updater-delta"), SignedMetadataMismatch)],
        ),
        ("no type", vec![refused(&draft(1).with("type", Value::Null), InvalidManifest)]),
        ("a later specification", vec![refused(&draft(1).with("specVersion", 2), InvalidManifest)]),
        ("no specification", vec![refused(&draft(1).with("specVersion", Value::Null), InvalidManifest)]),
        ("no sequence", vec![refused(&draft(1).with("sequence", Value::Null), InvalidManifest)]),
        ("a sequence in words", vec![refused(&draft(1).with("sequence", "1"), InvalidManifest)]),
        ("a negative sequence", vec![refused(&draft(1).with("sequence", -1), InvalidManifest)]),
        (
            "another application",
            vec![
                refused(&draft(9).with("app", "com.example.other"), SignedMetadataMismatch).with(as_app),
                offered(&for_app(1)).with(as_app),
            ],
        ),
        (
            "an application that has no name accepts any",
            vec![offered(&for_app(1)), refused(&for_app(0), ManifestRollback)],
        ),
        (
            "another channel",
            vec![
                refused(&on(9, "beta"), SignedMetadataMismatch).with(stable),
                offered(&on(1, "stable")).with(stable),
            ],
        ),
        (
            "two channels are counted apart",
            vec![
                offered(&on(9, "beta")).with(beta),
                offered(&on(2, "stable")).with(stable),
                refused(&on(8, "beta"), ManifestRollback).with(beta),
                refused(&on(1, "stable"), ManifestRollback).with(stable),
                offered(&on(3, "stable")).with(stable),
            ],
        ),
        (
            "an application on no channel counts all channels as one: a server must not start anew under another name",
            vec![
                offered(&on(9, "stable")),
                refused(&on(2, "beta"), ManifestRollback),
                offered(&on(10, "beta")),
            ],
        ),
        (
            "a manifest without a channel counts for the one that the application is on",
            vec![
                offered(&draft(9)).with(beta),
                offered(&draft(2)).with(stable),
                refused(&draft(8), ManifestRollback).with(beta),
            ],
        ),
        (
            "no platforms",
            vec![refused(&draft(9).with("platforms", Value::Null), InvalidManifest), offered(&draft(8))],
        ),
    ]
}

/// The newest word of the publisher counts, also where it is of no use to this platform.
fn no_use() -> Vec<Sequence> {
    let none = only_platforms_of(draft(9), &json!({}));
    let before = || refused(&draft(8), ManifestRollback);
    vec![
        (
            "no entry for this platform",
            vec![
                refused(&none, TargetNotFound),
                before(),
                refused(&none, TargetNotFound),
                offered(&draft(10)),
            ],
        ),
        ("a URL that nobody may be led to", vec![refused(&insecure(9), InsecureUrl), before()]),
        (
            "an artifact's signature that cannot be read",
            vec![refused(&unreadable_artifact_signature(9), InvalidSignature), before()],
        ),
        (
            "no version",
            vec![
                refused(&draft(9).with("version", Value::Null), InvalidManifest),
                before(),
                unsigned(UNSIGNED),
            ],
        ),
    ]
}

fn signatures() -> Vec<Sequence> {
    let stranger = || draft(1).signed_by(&[Signer::stranger()]);
    let commented = |comment: &str| refused(&draft(1).commented(comment), ManifestSignature);
    let spoilt = |spoil| refused(&draft(1).spoilt(spoil), ManifestSignature);
    vec![
        (
            "somebody else's",
            vec![
                refused(&stranger(), ManifestSignature).with(required),
                refused(&stranger(), ManifestSignature).with(manifests_of_author),
                offered(&draft(1)),
                refused(&stranger(), ManifestSignature),
            ],
        ),
        (
            "of keys that an application without keys for manifests does not know: none, and not remembered",
            vec![
                nothing(&stranger()),
                offered(&stranger().announcing("version", "2.0.0")),
                unsigned(Outcome::Offered),
            ],
        ),
        (
            "of a key that it knows, and not valid, beside one of a key that it does not",
            vec![refused(
                &draft(1).signed_by(&both()).spoilt(|envelope| envelope["payload"] = json!("e30=")),
                ManifestSignature,
            )],
        ),
        (
            "the release that brings the key for manifests reaches who does not have it",
            vec![
                offered(&stranger().announcing("version", "2.0.0")),
                offered(&stranger()).with(manifests_of_another),
                unsigned(UNSIGNED).with(manifests_of_another),
                refused(&draft(2), ManifestSignature).with(manifests_of_another),
            ],
        ),
        (
            "one of two is enough",
            vec![offered(&draft(1).signed_by(&both())), refused(&draft(0), ManifestRollback)],
        ),
        ("twice by the same key", vec![offered(&draft(1).signed_by(&[Signer::author(), Signer::author()]))]),
        (
            "a signature that was made for an artifact",
            vec![commented("version:2.0.0"), commented("timestamp:1"), commented("")],
        ),
        ("a signature that was made for a delta", vec![commented("type:delta\tsequence:1")]),
        (
            "another sequence in the comment",
            vec![commented("type:manifest\tsequence:2"), commented("type:manifest\tsequence:01")],
        ),
        ("no sequence in the comment", vec![commented("type:manifest")]),
        ("a comment that says it twice", vec![commented("type:manifest\tsequence:1\tsequence:1")]),
        (
            "one sound signature and one of the same key for something else",
            vec![refused(&two_comments(), ManifestSignature)],
        ),
        ("no signature", vec![spoilt(|envelope| envelope["signatures"] = json!([]))]),
        (
            "more signatures than anybody needs",
            vec![spoilt(|envelope| {
                let one = envelope["signatures"][0].clone();
                envelope["signatures"] = json!(vec![one; 17]);
            })],
        ),
        ("signatures that are no list", vec![spoilt(|envelope| envelope["signatures"] = json!("x"))]),
        ("a signature that is none", vec![spoilt(|envelope| envelope["signatures"] = json!(["x"]))]),
        ("no payload", vec![spoilt(|envelope| envelope["payload"] = Value::Null)]),
        ("a payload that is no base64", vec![spoilt(|envelope| envelope["payload"] = json!("{}"))]),
        ("a payload of somebody else", vec![spoilt(|envelope| envelope["payload"] = json!("e30="))]),
        ("an envelope that is none", vec![spoilt(|envelope| *envelope = json!("signed"))]),
        (
            "keys of its own for manifests",
            vec![
                offered(&stranger()).with(manifests_of_another),
                refused(&draft(9), ManifestSignature).with(manifests_of_another),
            ],
        ),
        (
            "signed, but no JSON",
            vec![
                refused(&draft(1).saying("<html>"), InvalidManifest),
                refused(&draft(1).saying("[]"), InvalidManifest),
                refused(&draft(1).saying(twice("sequence")), InvalidManifest),
            ],
        ),
    ]
}

fn keys() -> Vec<Sequence> {
    let by_both = |sequence| draft(sequence).signed_by(&both());
    let by_new = |sequence| draft(sequence).signed_by(&[Signer::stranger()]);
    vec![
        (
            "rotation by overlap",
            vec![
                offered(&draft(1)).with(manifests_of_both),
                offered(&by_new(2)).with(manifests_of_both),
                offered(&by_new(3)).with(manifests_of_another),
                refused(&draft(9), ManifestSignature).with(manifests_of_another),
            ],
        ),
        (
            "a stolen key that was run up to the end strands who trusts no other",
            vec![
                offered(&draft((1 << 53) - 1)),
                refused(&by_both(2), ManifestRollback),
                refused(&by_new(2), ManifestSignature),
            ],
        ),
        (
            "a stolen key that was run up to the end is survived by who trusts a spare one",
            vec![
                offered(&draft((1 << 53) - 1)).with(manifests_of_both),
                offered(&by_new(2)).with(manifests_of_both),
                refused(&by_new(1), ManifestRollback).with(manifests_of_both),
            ],
        ),
        (
            "signed by both, it has to be new enough under each",
            vec![
                offered(&draft(5)).with(manifests_of_both),
                offered(&by_new(9)).with(manifests_of_both),
                refused(&by_both(8), ManifestRollback).with(manifests_of_both),
                offered(&by_both(10)).with(manifests_of_both),
                refused(&draft(9), ManifestRollback).with(manifests_of_both),
            ],
        ),
        (
            "a signature that is taken away leaves what holds under the other key",
            vec![
                offered(&by_both(5)).with(manifests_of_both),
                offered(&by_new(9)).with(manifests_of_both),
                refused(&by_both(8), ManifestRollback).with(manifests_of_both),
                refused(&by_new(8), ManifestRollback).with(manifests_of_both),
                offered(&draft(8)).with(manifests_of_both),
                refused(&draft(7), ManifestRollback).with(manifests_of_both),
            ],
        ),
        (
            "a key that is not trusted leaves no trace",
            vec![offered(&by_both(9)), offered(&by_new(1)).with(manifests_of_both)],
        ),
    ]
}

fn absence() -> Vec<Sequence> {
    let nothing_new = |outcome| Step::new(Reply::status(204), outcome);
    vec![
        ("unsigned, and never signed before", vec![unsigned(Outcome::Offered), unsigned(Outcome::Offered)]),
        ("unsigned after a signed one", vec![offered(&draft(1)), unsigned(UNSIGNED), offered(&draft(2))]),
        (
            "unsigned after a signed one that was no update",
            vec![nothing(&draft(1).with("version", "1.0.0")), unsigned(UNSIGNED)],
        ),
        (
            "unsigned after one that was refused",
            vec![
                refused(&draft(1).with("expires", in_hours(0)), ManifestExpired),
                unsigned(Outcome::Offered),
            ],
        ),
        ("unsigned where it must be signed", vec![unsigned(UNSIGNED).with(required)]),
        (
            "`null` is absent",
            vec![
                offered(&draft(1)),
                refused(&draft(1).spoilt(|envelope| *envelope = Value::Null), ManifestUnsigned),
            ],
        ),
        (
            "no content",
            vec![
                nothing_new(Outcome::Nothing),
                nothing_new(UNSIGNED).with(required),
                offered(&draft(1)),
                nothing_new(UNSIGNED),
            ],
        ),
        (
            "no content under any key",
            vec![
                offered(&draft(1)).with(manifests_of_both),
                nothing_new(UNSIGNED).with(manifests_of_another),
            ],
        ),
        (
            "one channel signs and the other does not",
            vec![
                offered(&draft(1)).with(stable),
                unsigned(Outcome::Offered).with(beta),
                unsigned(UNSIGNED).with(stable),
                unsigned(Outcome::Offered),
            ],
        ),
        (
            "only the signed part counts",
            vec![
                offered(&draft(1).announcing("version", "1.0.0")),
                nothing(&draft(2).with("version", "1.0.0").announcing("version", "9.9.9")),
                offered(&draft(3).announcing("version", 7).announcing("platforms", "none")),
            ],
        ),
        (
            "an error of the server is no answer",
            vec![offered(&draft(1)), Step::new(Reply::status(500), Outcome::Refused(HttpStatus))],
        ),
    ]
}

fn twice(key: &str) -> String {
    let text = draft(1).payload().to_string();
    text.replacen('{', &format!("{{\"{key}\": 1, "), 1)
}

fn two_comments() -> Draft {
    draft(1).signed_by(&[Signer::author(), Signer::author()]).commented_last("type:delta\tsequence:1")
}

async fn check(app: &App, board: &Board, change: fn(&mut Config)) -> Outcome {
    let mut config = app.config(board.url());
    change(&mut config);
    match Updater::new("1.0.0", config).unwrap().check().await {
        Ok(Some(update)) => {
            assert_eq!(update.version().to_string(), "2.0.0");
            Outcome::Offered
        }
        Ok(None) => Outcome::Nothing,
        Err(error) => Outcome::Refused(error.code()),
    }
}

async fn play((name, steps): Sequence) {
    let (app, board) = (App::new(), Board::new());
    for (index, step) in steps.into_iter().enumerate() {
        (step.before)(&app);
        board.show(step.answer);
        let outcome = check(&app, &board, step.change).await;
        assert_eq!(outcome, step.expected, "{name}: step {index}");
    }
    app.assert_untouched();
}

#[tokio::test]
async fn what_was_seen_stays_with_an_application_that_is_moved_only_where_it_has_a_name() {
    for (change, expected) in
        [(as_app as fn(&mut Config), Outcome::Refused(ManifestRollback)), (|_| (), Outcome::Offered)]
    {
        let (mut app, board) = (App::new(), Board::new());
        board.show(draft(5).reply());
        assert_eq!(check(&app, &board, change).await, Outcome::Offered);
        let moved = app.path.with_file_name("App-1.0.0.AppImage");
        fs::rename(&app.path, &moved).unwrap();
        app.path = moved;
        board.show(draft(4).reply());
        assert_eq!(check(&app, &board, change).await, expected);
    }
}

#[tokio::test]
async fn another_endpoint_cannot_answer_with_what_the_publisher_has_replaced() {
    let (app, newest, older) = (App::new(), Board::new(), Board::new());
    newest.show(only_platforms_of(draft(9), &json!({})).reply());
    older.show(draft(8).reply());
    let config = Config { endpoints: vec![newest.url(), older.url()], ..app.config(newest.url()) };
    match Updater::new("1.0.0", config).unwrap().check().await.unwrap_err() {
        Error::NoValidEndpoint { errors } => {
            let codes: Vec<ErrorCode> = errors.iter().map(Error::code).collect();
            assert_eq!(codes, [TargetNotFound, ManifestRollback]);
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_sequence_ends_as_specified() {
    let all =
        [freshness(), time(), identity(), no_use(), signatures(), keys(), absence()].into_iter().flatten();
    let mut count = 0;
    for sequence in all {
        play(sequence).await;
        count += 1;
    }
    println!("{count} sequences");
    assert!(count >= 81, "only {count} sequences");
}

mod traces;
