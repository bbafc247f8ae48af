//! Verifies a server certificate with revocation lists, as rustls does: ROOT INTERMEDIATE LEAF CRL... (all DER files).
use std::{env, fs, process::exit, time::Duration, time::SystemTime, time::UNIX_EPOCH};

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{anchor_from_trusted_cert, CertRevocationList, EndEntityCert, KeyUsage, OwnedCertRevocationList};
use webpki::{RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, ALL_VERIFICATION_ALGS};

fn main() {
    let files: Vec<Vec<u8>> = env::args().skip(1).map(|path| fs::read(path).expect("a readable file")).collect();
    let [root, intermediate, leaf] = [0, 1, 2].map(|at| CertificateDer::from(files[at].as_slice()));
    let lists: Vec<CertRevocationList> = files[3..]
        .iter()
        .map(|der| OwnedCertRevocationList::from_der(der).unwrap_or_else(|error| fail("list", error)).into())
        .collect();
    let lists: Vec<&CertRevocationList> = lists.iter().collect();
    let revocation = RevocationOptionsBuilder::new(&lists)
        .expect("at least one list")
        .with_depth(RevocationCheckDepth::Chain)
        .with_status_policy(UnknownStatusPolicy::Deny)
        .build();
    let anchor = anchor_from_trusted_cert(&root).unwrap_or_else(|error| fail("root", error));
    let now: Duration = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    EndEntityCert::try_from(&leaf)
        .unwrap_or_else(|error| fail("leaf", error))
        .verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &[anchor],
            &[intermediate],
            UnixTime::since_unix_epoch(now),
            KeyUsage::server_auth(),
            Some(revocation),
            None,
        )
        .unwrap_or_else(|error| fail("chain", error));
    println!("good");
}

fn fail(what: &str, error: webpki::Error) -> ! {
    println!("{what}: {error:?}");
    exit(1)
}
