//! Arbitrary bytes as the table behind a payload, and as a message with what came along.
#![no_main]

use bytes::Bytes;
use kinfolk_link::Arrived;
use kinfolk_protocol::{Arrival, Bincode, Blob, ENTRY_LEN, Entry, Handle, Json, Postcard, Table};

/// Everything a message may have at any place in it.
type Message = (Vec<Blob>, Option<Handle<std::fs::File>>, Box<[Option<Blob>]>);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [count, payload @ ..] = bytes else { return };
    let Ok(table) = Table::decode(payload, u16::from(*count)) else { return };
    assert_eq!(table.entries.len(), usize::from(*count));
    let encoded: Vec<u8> = table.entries.iter().flat_map(Entry::encode).collect();
    assert!(payload.ends_with(&encoded));
    let mut data = payload[table.message..payload.len() - table.entries.len() * ENTRY_LEN].iter().copied();
    let cargo = |entry: &Entry| match entry {
        Entry::Data { length } => Arrival::Data(data.by_ref().take(*length as usize).collect()),
        _ => Arrival::Lost(Arrival::NONE_LEFT),
    };
    let cargo = table.entries.iter().map(cargo).collect();
    let arrived = Arrived::with(Bytes::copy_from_slice(&payload[..table.message]), cargo);
    assert!(data.next().is_none(), "all data belongs to an entry");
    let _ = arrived.duplicate().decode::<Bincode, Message>();
    let _ = arrived.duplicate().decode::<Postcard, Message>();
    let _ = arrived.decode::<Json, Message>();
});
