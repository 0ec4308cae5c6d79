//! What is found of sources: files that no settled entry names, claims that never ended, and
//! sources that are gone.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use alluvium_lake::{
    Diagnosis, Inconsistency, Ingest, IngestReport, IngestSettings, LakeError, LeftBy,
};
use alluvium_model::{
    AnnouncedObject, ErrorKind, LandingPrefix,
    ports::{LakeCatalog, LakeObjects},
};
use alluvium_testkit::{Fault, MemoryLanding, Unreliable};
use alluvium_tests::{Lake, contracts, drop_file, settings};

use crate::{
    FIRST_DAY, LONG, TWO_PARTS, alone, check, die_before_commit, doctor_of, examine, file_of, heal,
    lake, pointer, shown, small_parts,
};

#[tokio::test]
async fn a_missing_entry_is_no_evidence_against_a_file() {
    let (lake, _) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}").await.unwrap();
    drop_file(&lake.ingest(), "camera/2.json", "{\"n\":2}").await.unwrap();
    lake.forget_sources();
    let files: Vec<_> = lake.files().into_keys().collect();
    let unknown = format!(
        "lake/camera/dt=2026-11-22/: files (2) of sources without a ledger entry; the first is {}",
        files[0]
    );
    check(&lake, &[&unknown]).await;
    let diagnosis = heal(&lake).await;
    assert!(diagnosis.findings[0].finding.heals().contains("a missing entry is no evidence"));
    assert_eq!(lake.files().into_keys().collect::<Vec<_>>(), files, "nothing is deleted");
}

#[tokio::test]
async fn files_of_a_plan_that_was_taken_over_wait_for_the_next_delivery() {
    let (lake, clock) = lake();
    let source = ("camera/1.json", TWO_PARTS);
    die_before_commit(&lake, source).await;
    let files = lake.files().len();
    let later = IngestSettings { layout: settings().layout + 1, ..settings() };
    let later = || Ingest::new(lake.catalog.clone(), lake.objects.clone(), later.clone());
    let fenced = drop_file(&later(), source.0, source.1).await.unwrap_err();
    assert_eq!(fenced.kind(), ErrorKind::Retry);
    check(&lake, &[]).await;
    clock.advance(LONG);
    let diagnosis = heal(&lake).await;
    let left = |reported: &&alluvium_lake::Reported| {
        matches!(&reported.finding, Inconsistency::LeftOver { left_by: LeftBy::TakeOver, .. })
    };
    assert_eq!(diagnosis.findings.iter().filter(left).count(), files);
    assert_eq!(diagnosis.findings.len(), files + 1, "{}", shown(&diagnosis));
    assert_eq!(lake.files().len(), files, "the next delivery deletes them, healing does not");
    drop_file(&later(), source.0, source.1).await.unwrap();
    check(&lake, &[]).await;
}

/// A source that was begun, and was gone when it was delivered again.
async fn gone_source(lake: &Lake) -> (MemoryLanding, AnnouncedObject) {
    let bucket = MemoryLanding::default();
    let object = bucket.drop_object("camera/1.json", TWO_PARTS);
    let calls = Arc::new(AtomicU64::new(0));
    // The first file is written, and no more.
    let dies = move |_, method: &str| {
        let dies = method == "put_object" && calls.fetch_add(1, Ordering::SeqCst) >= 3;
        dies.then_some(Fault::Refused(ErrorKind::Denied))
    };
    let objects = Unreliable::new(lake.objects.clone(), dies);
    land(&lake.catalog, &objects, &bucket, &object).await.unwrap_err();
    assert!(!lake.files().is_empty());
    bucket.delete_object("camera/1.json");
    let fenced = land(&lake.catalog, &lake.objects, &bucket, &object).await.unwrap_err();
    assert_eq!(fenced.kind(), ErrorKind::Retry);
    (bucket, object)
}

async fn land<C, O>(
    catalog: &C,
    objects: &O,
    bucket: &MemoryLanding,
    object: &AnnouncedObject,
) -> Result<IngestReport, LakeError>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
{
    let ingest = Ingest::new(catalog.clone(), objects.clone(), small_parts());
    let (contracts, prefix) = (contracts(objects), LandingPrefix::default());
    let landing = alluvium_lake::Landing::new(ingest, contracts, bucket.clone(), prefix);
    landing.land(object, alluvium_lake::Deadline::NEVER).await
}

#[tokio::test]
async fn a_source_that_is_gone_is_swept() {
    let (lake, clock) = lake();
    gone_source(&lake).await;
    let files = lake.files().len();
    let young = heal(&lake).await;
    assert_eq!((shown(&young).as_str(), young.in_progress.sources), ("", 1));
    assert_eq!((lake.files().len(), young.in_progress.files), (files, files));
    clock.advance(LONG);
    let diagnosis = heal(&lake).await;
    assert_eq!(diagnosis.findings.len(), files + 1, "{}", shown(&diagnosis));
    assert!(diagnosis.is_healthy(), "{diagnosis:?}");
    assert_eq!(lake.files().len(), 0);
    check(&lake, &[]).await;
}

/// The same bytes come back under the same key after a sweep has listed what it deletes, and give
/// files of the same names.
async fn come_back_during_a_sweep(closed_by_another: bool) {
    let (lake, clock) = lake();
    let (bucket, object) = gone_source(&lake).await;
    clock.advance(LONG);
    bucket.drop_object("camera/1.json", TWO_PARTS);
    let (now, landing, announced) = (lake.clone(), bucket.clone(), object.clone());
    let deletes = AtomicU64::new(0);
    let objects = Unreliable::new(lake.objects.clone(), move |_, method| {
        if method == "delete_objects" && deletes.fetch_add(1, Ordering::SeqCst) == 0 {
            if closed_by_another {
                assert!(alone(heal(&now)).is_healthy());
            }
            let landed = alone(land(&now.catalog, &now.objects, &landing, &announced));
            assert_eq!(landed.unwrap_err().kind(), ErrorKind::Retry, "somebody may be sweeping");
        }
        None
    });
    let doctor = doctor_of(&lake.catalog, &objects);
    let mut diagnosis = doctor.examine(&[]).await.unwrap();
    doctor.heal(&mut diagnosis).await;
    clock.advance(LONG);
    land(&lake.catalog, &lake.objects, &bucket, &object).await.unwrap();
    check(&lake, &[]).await;
    assert_eq!(lake.rows("camera").await, "n=1\nn=2");
}

#[tokio::test]
async fn a_source_that_comes_back_while_it_is_swept_waits() {
    come_back_during_a_sweep(false).await;
}

#[tokio::test]
async fn a_source_that_comes_back_after_it_was_swept_waits_for_whoever_sweeps_as_well() {
    come_back_during_a_sweep(true).await;
}

/// The sweep of a source is that of the ingest: whatever fails, it may be repeated.
#[tokio::test]
async fn healing_that_fails_says_so_and_can_be_repeated() {
    let (lake, clock) = lake();
    gone_source(&lake).await;
    clock.advance(LONG);
    let refuse =
        |_, method: &str| (method == "replace_object").then_some(Fault::Refused(ErrorKind::Denied));
    let doctor = doctor_of(&lake.catalog, &Unreliable::new(lake.objects.clone(), refuse));
    let mut diagnosis = doctor.examine(&[]).await.unwrap();
    doctor.heal(&mut diagnosis).await;
    assert!(!diagnosis.is_healthy());
    assert_eq!(lake.files().len(), 0);
    assert!(heal(&lake).await.is_healthy());
    check(&lake, &[]).await;
}

#[tokio::test]
async fn a_file_that_is_gone_is_lost() {
    let (lake, clock) = lake();
    drop_file(&lake.ingest(), "camera/1.json", "{\"n\":1}\n{\"n\":2}\n").await.unwrap();
    drop_file(&lake.ingest(), "camera/2.json", "{\"n\":3}").await.unwrap();
    let file = file_of(&lake, "camera/1.json", "{\"n\":1}\n{\"n\":2}\n");
    lake.objects.remove(&file);
    clock.advance(LONG);
    let lost = format!(
        "{file}: lost: the file is gone, with the rows (2) of s3://landing/camera/1.json that \
         were in it"
    );
    check(&lake, &[&lost]).await;
    assert!(!heal(&lake).await.is_healthy());
    // The same without a pointer, which does not tell that anything was merged either.
    lake.objects.remove(&pointer(FIRST_DAY));
    assert_eq!(examine(&lake).await.findings.len(), 2);
}

#[tokio::test]
async fn a_source_that_was_loaded_by_two_plans_is_found() {
    let (lake, clock) = lake();
    let source = ("camera/1.json", "{\"n\":1}\n");
    drop_file(&lake.ingest(), source.0, source.1).await.unwrap();
    let file = file_of(&lake, source.0, source.1);
    lake.forget_sources();
    die_before_commit(&lake, source).await;
    check(&lake, &[]).await;
    clock.advance(LONG);
    let found = |diagnosis: &Diagnosis| {
        let left = |reported: &alluvium_lake::Reported| match &reported.finding {
            Inconsistency::LeftOver { file: left, left_by, .. } if *left == file => Some(*left_by),
            _ => None,
        };
        diagnosis.findings.iter().find_map(left)
    };
    assert_eq!(found(&examine(&lake).await), Some(LeftBy::OtherClaim));
    let ingest = Ingest::new(lake.catalog.clone(), lake.objects.clone(), small_parts());
    drop_file(&ingest, source.0, source.1).await.unwrap();
    let diagnosis = heal(&lake).await;
    assert_eq!((found(&diagnosis), diagnosis.findings.len()), (Some(LeftBy::OtherLoad), 1));
    lake.objects.remove(&file);
    check(&lake, &[]).await;
    assert_eq!(lake.rows("camera").await, "n=1");
}
