//! Extensions, devices, tokens.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use records::{CallRules, Device, Dtmf, NatPolicy, SettingsPatch, Transcode, Transport};
use store::{ExtensionPatch, ImportOutcome, NewExtension, StoreError};
use support::{DOMAIN, NOW, binding, fresh, ha1, new_extension, save};

#[tokio::test]
async fn a_new_extension_has_one_device_with_its_number_as_user_name() {
    let kept = fresh().await;
    let made = kept
        .store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    assert_eq!(
        (made.extension.number.as_str(), made.extension.name.as_str()),
        ("101", "Phone 101")
    );
    assert_eq!((made.created_at, made.updated_at), (NOW, NOW));
    let device = &made.devices[0];
    assert_eq!((device.username.as_str(), device.extension.as_str()), ("101", "101"));
    assert_eq!((&device.ha1, device.nat), (&ha1(1), NatPolicy::Source));
    let kept = kept.reopened().await;
    assert_eq!(kept.store.load_accounts(DOMAIN).await.unwrap(), [made]);
}

#[tokio::test]
async fn a_number_exists_once_in_a_domain() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    let again = kept
        .store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap_err();
    assert_eq!(again.to_string(), "extension 101 exists already");
    kept.store
        .create_extension("other.example", &new_extension("101"), NOW)
        .await
        .unwrap();
    assert_eq!(kept.store.domains().await.unwrap(), ["other.example", DOMAIN]);
    assert_eq!(kept.store.load_accounts(DOMAIN).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_number_that_is_a_devices_user_name_leaves_nothing_behind() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    let second = Device {
        username: "300".into(),
        extension: "101".into(),
        ha1: ha1(3),
        codecs: vec!["PCMA".into(), "opus".into()],
        nat: NatPolicy::Contact,
        transport: Some(Transport::Tls),
        require_qop: true,
        transcode: Transcode::Auto,
        dtmf: Dtmf::Auto,
    };
    kept.store.put_device(DOMAIN, &second).await.unwrap();
    assert_eq!(kept.store.account(DOMAIN, "101").await.unwrap().devices[1], second);
    let refused = kept.store.create_extension(DOMAIN, &new_extension("300"), NOW).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    assert!(matches!(
        kept.store.account(DOMAIN, "300").await,
        Err(StoreError::NotFound(_))
    ));
    kept.store.delete_extension(DOMAIN, "101").await.unwrap();
    kept.store
        .create_extension(DOMAIN, &new_extension("300"), NOW)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_device_belongs_to_an_extension_and_stays_there() {
    let kept = fresh().await;
    for number in ["101", "102"] {
        kept.store
            .create_extension(DOMAIN, &new_extension(number), NOW)
            .await
            .unwrap();
    }
    let mut device = kept.store.account(DOMAIN, "101").await.unwrap().devices.remove(0);
    device.extension = "102".into();
    assert!(matches!(
        kept.store.put_device(DOMAIN, &device).await,
        Err(StoreError::Exists(_))
    ));
    device.extension = "999".into();
    assert!(matches!(
        kept.store.put_device(DOMAIN, &device).await,
        Err(StoreError::NotFound(_))
    ));
}

#[tokio::test]
async fn values_out_of_range_are_refused_by_field() {
    let kept = fresh().await;
    for number in ["", "1 2", "a@b", "123456789012345678901234567890123", "ü"] {
        let refused = kept.store.create_extension(DOMAIN, &new_extension(number), NOW).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid { field: "number", .. })),
            "{number:?}: {refused:?}"
        );
    }
    let mut named = new_extension("*#+._-9aZ");
    kept.store.create_extension(DOMAIN, &named, NOW).await.unwrap();
    for name in ["x".repeat(257), "line\r\nend".into()] {
        (named.extension.number, named.extension.name) = ("5".into(), name);
        let refused = kept.store.create_extension(DOMAIN, &named, NOW).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid { field: "name", .. })),
            "{refused:?}"
        );
    }
    let patch = ExtensionPatch {
        settings: SettingsPatch {
            forward_busy: Some(Some(String::new())),
            ..SettingsPatch::default()
        },
        ..ExtensionPatch::default()
    };
    let refused = kept.store.update_extension(DOMAIN, "*#+._-9aZ", &patch, NOW).await;
    assert!(
        matches!(
            refused,
            Err(StoreError::Invalid {
                field: "forward_busy",
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let kept = fresh().await;
    let before = kept
        .store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    let patch = ExtensionPatch {
        settings: SettingsPatch {
            dnd: Some(true),
            forward_always: Some(Some("102".into())),
            forward_no_answer: Some(Some("sip:desk@example.org".into())),
            ..SettingsPatch::default()
        },
        voicemail: Some(true),
        ha1: Some(ha1(9)),
        ..ExtensionPatch::default()
    };
    let mut expected = before.clone();
    expected.extension.dnd = true;
    expected.extension.forward_always = Some("102".into());
    expected.extension.forward_no_answer = Some("sip:desk@example.org".into());
    expected.extension.voicemail = true;
    expected.updated_at = NOW + 5;
    expected.devices[0].ha1 = ha1(9);
    assert_eq!(
        kept.store
            .update_extension(DOMAIN, "101", &patch, NOW + 5)
            .await
            .unwrap(),
        expected
    );
    assert_eq!(kept.store.account(DOMAIN, "101").await.unwrap(), expected);

    let empty = ExtensionPatch {
        settings: SettingsPatch {
            forward_always: Some(None),
            ..SettingsPatch::default()
        },
        name: Some("Al".into()),
        ..ExtensionPatch::default()
    };
    let after = kept
        .store
        .update_extension(DOMAIN, "101", &empty, NOW + 6)
        .await
        .unwrap()
        .extension;
    assert_eq!(
        (after.forward_always, after.name.as_str(), after.dnd),
        (None, "Al", true)
    );
    let nobody = kept.store.update_extension(DOMAIN, "999", &empty, NOW).await;
    assert!(matches!(nobody, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn every_setting_of_an_extension_is_kept_and_emptied() {
    let kept = fresh().await;
    let mut new = new_extension("101");
    new.extension.forward_unreachable = Some("105".into());
    new.extension.rules = CallRules {
        no_answer_seconds: Some(20),
        call_limit: Some(2),
        pickup_group: Some("sales".into()),
        music: Some("jazz".into()),
        reject_anonymous: true,
        hide_number: true,
        intercom: false,
    };
    let made = kept.store.create_extension(DOMAIN, &new, NOW).await.unwrap();
    assert_eq!(made.extension, new.extension);
    kept.store
        .create_extension(DOMAIN, &new_extension("102"), NOW)
        .await
        .unwrap();
    let patch = ExtensionPatch {
        settings: SettingsPatch::all_of(&made.extension),
        ..ExtensionPatch::default()
    };
    let other = kept
        .store
        .update_extension(DOMAIN, "102", &patch, NOW + 1)
        .await
        .unwrap();
    assert_eq!(
        (&other.extension.rules, &other.extension.forward_unreachable),
        (&new.extension.rules, &new.extension.forward_unreachable)
    );
    let loaded = kept.store.load_accounts(DOMAIN).await.unwrap();
    assert_eq!((&loaded[0], &loaded[1]), (&made, &other));

    let empty = ExtensionPatch {
        settings: SettingsPatch::all_of(&new_extension("101").extension),
        ..ExtensionPatch::default()
    };
    let emptied = kept
        .store
        .update_extension(DOMAIN, "101", &empty, NOW + 2)
        .await
        .unwrap();
    assert_eq!(
        (emptied.extension.rules, emptied.extension.forward_unreachable),
        (CallRules::default(), None)
    );
    let wrong = ExtensionPatch {
        settings: SettingsPatch {
            call_limit: Some(Some(51)),
            ..SettingsPatch::default()
        },
        ..ExtensionPatch::default()
    };
    let refused = kept.store.update_extension(DOMAIN, "101", &wrong, NOW).await;
    assert!(matches!(
        refused,
        Err(StoreError::Invalid {
            field: "call_limit",
            ..
        })
    ));
}

#[tokio::test]
async fn a_deleted_extension_takes_devices_and_contacts_with_it() {
    let kept = fresh().await;
    for number in ["101", "102"] {
        kept.store
            .create_extension(DOMAIN, &new_extension(number), NOW)
            .await
            .unwrap();
    }
    let changes = vec![save(binding(1, "101")), save(binding(2, "102"))];
    kept.store.writer(DOMAIN).save_bindings(changes).await.unwrap();
    kept.store.delete_extension(DOMAIN, "101").await.unwrap();
    assert!(matches!(
        kept.store.delete_extension(DOMAIN, "101").await,
        Err(StoreError::NotFound(_))
    ));
    assert_eq!(kept.store.load_accounts(DOMAIN).await.unwrap().len(), 1);
    assert_eq!(
        kept.store.load_bindings(DOMAIN, NOW).await.unwrap(),
        [binding(2, "102")]
    );
    assert_eq!(kept.count("SELECT count(*) FROM bindings").await, 1);
}

#[tokio::test]
async fn pages_of_extensions_stay_whole_while_others_are_made() {
    let kept = fresh().await;
    let numbers: Vec<String> = (100..125).map(|n| n.to_string()).collect();
    for number in &numbers {
        kept.store
            .create_extension(DOMAIN, &new_extension(number), NOW)
            .await
            .unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = kept.store.extensions(DOMAIN, None, 7, cursor.as_deref()).await.unwrap();
        seen.extend(page.items.into_iter().map(|account| account.extension.number));
        // One before and one after what was seen: neither moves a line from one page to another.
        let number = format!("0{}", seen.len());
        kept.store
            .create_extension(DOMAIN, &new_extension(&number), NOW)
            .await
            .unwrap();
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, numbers);
    let bad = kept.store.extensions(DOMAIN, None, 7, Some("no cursor")).await;
    assert_eq!(bad.unwrap_err(), StoreError::BadCursor);
}

#[tokio::test]
async fn extensions_are_found_by_number_and_name() {
    let kept = fresh().await;
    for (number, name) in [("101", "Ada"), ("102", "100% Bob_"), ("210", "adam")] {
        let mut new = new_extension(number);
        new.extension.name = name.into();
        kept.store.create_extension(DOMAIN, &new, NOW).await.unwrap();
    }
    for (q, expected) in [
        ("ADA", vec!["101", "210"]),
        ("10", vec!["101", "102", "210"]),
        ("0%", vec!["102"]),
        ("b_", vec!["102"]),
        ("_", vec!["102"]),
        ("\\", vec![]),
        ("", vec!["101", "102", "210"]),
    ] {
        let page = kept.store.extensions(DOMAIN, Some(q), 0, None).await.unwrap();
        assert_eq!(page.items.len(), expected.len().min(1), "limit is at least 1");
        let page = kept.store.extensions(DOMAIN, Some(q), 5000, None).await.unwrap();
        let found: Vec<_> = page
            .items
            .iter()
            .map(|account| account.extension.number.as_str())
            .collect();
        assert_eq!(found, expected, "{q:?}");
    }
}

#[tokio::test]
async fn a_device_s_audio_and_keys_are_converted_unless_its_extension_says_otherwise() {
    let kept = fresh().await;
    let rules = async || {
        let device = kept.store.account(DOMAIN, "101").await.unwrap().devices[0].clone();
        (device.transcode, device.dtmf)
    };
    kept.store
        .create_extension(DOMAIN, &new_extension("101"), NOW)
        .await
        .unwrap();
    assert_eq!(rules().await, (Transcode::Auto, Dtmf::Auto));
    let off = NewExtension {
        transcode: Transcode::Off,
        dtmf: Dtmf::Info,
        ..new_extension("102")
    };
    let made = kept.store.create_extension(DOMAIN, &off, NOW).await.unwrap();
    assert_eq!(
        (made.devices[0].transcode, made.devices[0].dtmf),
        (Transcode::Off, Dtmf::Info)
    );
    let patch = ExtensionPatch {
        transcode: Some(Transcode::Off),
        dtmf: Some(Dtmf::Inband),
        ..ExtensionPatch::default()
    };
    kept.store.update_extension(DOMAIN, "101", &patch, NOW).await.unwrap();
    assert_eq!(rules().await, (Transcode::Off, Dtmf::Inband));
    let mut device = kept.store.account(DOMAIN, "101").await.unwrap().devices[0].clone();
    (device.transcode, device.dtmf) = (Transcode::Auto, Dtmf::Rfc4733);
    kept.store.put_device(DOMAIN, &device).await.unwrap();
    assert_eq!(rules().await, (Transcode::Auto, Dtmf::Rfc4733));
}

#[tokio::test]
async fn a_device_demands_qop_if_its_extension_says_so() {
    let kept = fresh().await;
    for number in ["101", "102"] {
        let made = kept.store.create_extension(DOMAIN, &new_extension(number), NOW).await;
        assert!(!made.unwrap().devices[0].require_qop);
    }
    let patch = ExtensionPatch {
        require_qop: Some(true),
        ..ExtensionPatch::default()
    };
    let changed = kept.store.update_extension(DOMAIN, "102", &patch, NOW).await.unwrap();
    assert!(changed.devices[0].require_qop);
    assert_eq!(changed.devices[0].ha1, new_extension("102").ha1, "the secret stays");
    let page = kept.store.extensions(DOMAIN, None, 10, None).await.unwrap();
    let demanded: Vec<_> = page
        .items
        .iter()
        .map(|account| account.devices[0].require_qop)
        .collect();
    assert_eq!(demanded, [false, true]);
    assert_eq!(page.items, kept.store.load_accounts(DOMAIN).await.unwrap());
    let mut gone = changed.devices[0].clone();
    gone.require_qop = false;
    kept.store.put_device(DOMAIN, &gone).await.unwrap();
    assert!(!kept.store.account(DOMAIN, "102").await.unwrap().devices[0].require_qop);
}

#[tokio::test]
async fn an_import_is_all_or_nothing() {
    let kept = fresh().await;
    kept.store
        .create_extension(DOMAIN, &new_extension("102"), NOW)
        .await
        .unwrap();
    let lines: Vec<_> = ["101", "102", "bad number", "101", "103"].map(new_extension).into();
    let report = kept.store.import_extensions(DOMAIN, &lines, false, NOW).await.unwrap();
    assert!(!report.applied);
    let [first, second, third, fourth, fifth] = report.lines.try_into().unwrap();
    assert_eq!(
        (first, second, fifth),
        (ImportOutcome::Created, ImportOutcome::Exists, ImportOutcome::Created)
    );
    assert!(matches!(third, ImportOutcome::Invalid { field: "number", .. }));
    assert_eq!(fourth, ImportOutcome::Repeats { line: 0 });
    assert_eq!(kept.store.load_accounts(DOMAIN).await.unwrap().len(), 1);

    let lines = [lines[0].clone(), lines[4].clone()];
    let report = kept.store.import_extensions(DOMAIN, &lines, true, NOW).await.unwrap();
    assert_eq!((report.applied, report.lines), (false, vec![ImportOutcome::Created; 2]));
    assert_eq!(kept.store.load_accounts(DOMAIN).await.unwrap().len(), 1);
    let report = kept.store.import_extensions(DOMAIN, &lines, false, NOW).await.unwrap();
    assert!(report.applied);
    let numbers = kept.store.load_accounts(DOMAIN).await.unwrap();
    let numbers: Vec<_> = numbers
        .iter()
        .map(|account| account.devices[0].username.as_str())
        .collect();
    assert_eq!(numbers, ["101", "102", "103"]);
}

#[tokio::test]
async fn tokens_are_kept_by_name() {
    let kept = fresh().await;
    assert_eq!(kept.store.tokens(DOMAIN).await.unwrap(), []);
    kept.store.put_token(DOMAIN, "admin", [1; 32], NOW).await.unwrap();
    kept.store.put_token(DOMAIN, "admin", [2; 32], NOW + 1).await.unwrap();
    let kept = kept.reopened().await;
    let tokens = kept.store.tokens(DOMAIN).await.unwrap();
    assert_eq!(
        (tokens.len(), tokens[0].hash, tokens[0].created_at),
        (1, [2; 32], NOW + 1)
    );
    kept.store.remove_token(DOMAIN, "admin").await.unwrap();
    assert!(matches!(
        kept.store.remove_token(DOMAIN, "admin").await,
        Err(StoreError::NotFound(_))
    ));
}

#[test]
fn a_hash_does_not_show_in_debug_output() {
    assert_eq!(format!("{:?}", ha1(7)), "Ha1(..)");
}
