//! Deltas with changed bytes, which the author's own key signed: the artifact is the one that was signed, or downloaded.

use std::fs;

use crate::support::{App, Published, Random, Shelf, image, rounds};

const BLOCKS: u32 = 8;

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next().to_le_bytes()[0],
            2 => bytes.truncate(at.max(1)),
            3 => bytes.insert(at, random.next().to_le_bytes()[0]),
            _ => {
                let number = random.next() >> random.below(64);
                for (byte, new) in bytes.iter_mut().skip(at).zip(number.to_le_bytes()) {
                    *byte = new;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_mutated_delta_makes_no_other_artifact() {
    let (old, new) = (image(BLOCKS, 1), image(BLOCKS, 2));
    let good = Published::new(&old, &new);
    let mut random = Random::new("mutated deltas");
    let (mut patched, mut fallen_back) = (0, 0);
    for round in 0..rounds(100, 600, 10_000) {
        let mut bytes = good.bytes.clone();
        mutate(&mut bytes, &mut random);
        let delta = good.clone().with_bytes(bytes, "type:delta\tversion:2.0.0");
        let (app, shelf) = (App::new().holding(old.clone()), Shelf::new(&new, vec![delta]));
        let staged = shelf.update(&app).await.stage(Default::default()).await.unwrap();
        assert!(fs::read(staged.path()).unwrap() == new, "round {round}");
        assert_eq!(app.files_left().len(), 2, "round {round}: {:?}", app.files_left());
        match shelf.full_downloads() {
            0 => patched += 1,
            1 => fallen_back += 1,
            more => panic!("round {round}: downloaded {more} times"),
        }
    }
    println!("{fallen_back} mutated deltas were refused, {patched} made the artifact all the same");
    assert!(fallen_back > patched);
}
