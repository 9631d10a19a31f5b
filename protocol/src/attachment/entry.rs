//! The table behind a payload: a line for each thing the message takes along.

use crate::wire::{Fields, WireError};

/// What one message may take along: a system call passes no more than 253 descriptors, and those that are passed count
/// against the sender's limit of open files until they are taken.
pub const MAX_ATTACHMENTS: usize = 64;
/// The length of an [`Entry`], in bytes.
pub const ENTRY_LEN: usize = 16;

/// One thing that travels with a payload. Those with a descriptor have the next of those that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// Bytes of the payload, between the message and this table.
    Data {
        /// How many.
        length: u64,
    },
    /// A descriptor.
    Descriptor,
    /// A descriptor of memory nobody can write any more, lent until it is given back.
    Sealed {
        /// Under what it is given back.
        loan: u32,
        /// Its length, in bytes.
        length: u64,
    },
    /// Memory of a region the sender has announced, lent until it is given back.
    Lent {
        /// The region. It is given back under the same number.
        loan: u32,
        /// How much of it, from its beginning, in bytes.
        length: u64,
    },
    /// A descriptor of memory from which will be lent.
    Region {
        /// The region.
        loan: u32,
        /// Its length, in bytes.
        length: u64,
    },
    /// A descriptor of the board.
    Board,
    /// A descriptor of the bell.
    Bell,
}

impl Entry {
    /// True if a descriptor comes with it.
    #[must_use]
    pub const fn has_descriptor(&self) -> bool {
        !matches!(self, Self::Data { .. } | Self::Lent { .. })
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; ENTRY_LEN] {
        let (kind, loan, length) = match *self {
            Self::Data { length } => (1, 0, length),
            Self::Descriptor => (2, 0, 0),
            Self::Sealed { loan, length } => (3, loan, length),
            Self::Lent { loan, length } => (4, loan, length),
            Self::Region { loan, length } => (5, loan, length),
            Self::Board => (6, 0, 0),
            Self::Bell => (7, 0, 0),
        };
        let mut bytes = [0; ENTRY_LEN];
        bytes[0] = kind;
        bytes[4..8].copy_from_slice(&u32::to_le_bytes(loan));
        bytes[8..16].copy_from_slice(&u64::to_le_bytes(length));
        bytes
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, WireError> {
        let (kind, unused) = (fields.u8("kind")?, fields.array::<3>("unused")?);
        let (loan, length) = (fields.u32("loan")?, fields.u64("length")?);
        let entry = match kind {
            1 => Self::Data { length },
            2 => Self::Descriptor,
            3 => Self::Sealed { loan, length },
            4 => Self::Lent { loan, length },
            5 => Self::Region { loan, length },
            6 => Self::Board,
            7 => Self::Bell,
            _ => return Err(fields.invalid("kind", kind)),
        };
        // What is not used now is zero, so that it can be used later.
        if unused != [0; 3] || entry.encode()[4..] != [loan.to_le_bytes().as_slice(), &length.to_le_bytes()].concat() {
            return Err(fields.invalid("unused", "set"));
        }
        Ok(entry)
    }
}

/// What a payload ends with: the message's own length, and what travels with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// In the order in which the message counts them.
    pub entries: Vec<Entry>,
    /// The length of the message in front of the data, in bytes.
    pub message: usize,
}

impl Table {
    /// The table of `count` entries at the end of a payload.
    ///
    /// # Errors
    /// [`WireError`] if there is none.
    pub fn decode(payload: &[u8], count: u16) -> Result<Self, WireError> {
        let whole = Fields::new("attachment", payload);
        let length = usize::from(count) * ENTRY_LEN;
        let Some(end) = payload.len().checked_sub(length) else {
            return Err(whole.invalid("count", count));
        };
        let mut fields = Fields::new("attachment", &payload[end..]);
        let entries = (0..count).map(|_| Entry::read(&mut fields)).collect::<Result<Vec<_>, _>>()?;
        let mut message = end as u64;
        for entry in &entries {
            if let Entry::Data { length } = entry {
                message = message.checked_sub(*length).ok_or_else(|| whole.invalid("length", length))?;
            }
        }
        Ok(Self { entries, message: message as usize })
    }

    /// How many descriptors come with it.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.entries.iter().filter(|entry| entry.has_descriptor()).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, Strategy, any, prop_oneof};
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    const ALL: [Entry; 7] = [
        Entry::Data { length: 3 },
        Entry::Descriptor,
        Entry::Sealed { loan: 7, length: 1 << 40 },
        Entry::Lent { loan: 8, length: 9 },
        Entry::Region { loan: u32::MAX, length: 0x1_0000 },
        Entry::Board,
        Entry::Bell,
    ];

    fn payload() -> Vec<u8> {
        let mut payload = b"message+++".to_vec();
        ALL.iter().for_each(|entry| payload.extend_from_slice(&entry.encode()));
        payload
    }

    #[test]
    fn an_entry_is_these_bytes() {
        assert_eq!(ALL[2].encode(), *b"\x03\0\0\0\x07\0\0\0\0\0\0\0\0\x01\0\0");
        assert_eq!(ALL.map(|entry| entry.encode()[0]), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_table_stands_behind_the_data_of_its_message() {
        let table = Table::decode(&payload(), 7).unwrap();
        assert_eq!((table.entries.as_slice(), table.message), (ALL.as_slice(), 7));
        assert_eq!(table.descriptors(), 5);
        assert_eq!(Table::decode(b"plain", 0).unwrap(), Table { entries: Vec::new(), message: 5 });
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let (loan, length) = (any::<u32>(), any::<u64>());
        prop_oneof![
            (0..300_u64).prop_map(|length| Entry::Data { length }),
            Just(Entry::Descriptor),
            (loan, length).prop_map(|(loan, length)| Entry::Sealed { loan, length }),
            (loan, length).prop_map(|(loan, length)| Entry::Lent { loan, length }),
            (loan, length).prop_map(|(loan, length)| Entry::Region { loan, length }),
            Just(Entry::Board),
            Just(Entry::Bell),
        ]
    }

    proptest! {
        #[test]
        fn any_table_comes_back_whole(entries in vec(entry(), 0..70), message in 0..300_usize) {
            let length = |entry: &Entry| if let Entry::Data { length } = entry { *length } else { 0 };
            let data: u64 = entries.iter().map(length).sum();
            let mut payload = vec![7; message + data as usize];
            entries.iter().for_each(|entry| payload.extend_from_slice(&entry.encode()));
            let table = Table::decode(&payload, entries.len() as u16);
            prop_assert_eq!(table, Ok(Table { entries, message }));
        }

        #[test]
        fn any_bytes_are_a_table_within_them_or_an_error(payload in vec(any::<u8>(), 0..200), count in 0..80_u16) {
            let Ok(table) = Table::decode(&payload, count) else { return Ok(()) };
            prop_assert_eq!(table.entries.len(), usize::from(count));
            prop_assert!(table.message + table.entries.len() * ENTRY_LEN <= payload.len());
        }

        #[test]
        fn any_damaged_entry_says_what_it_says_or_is_refused(entry in entry(), at in 0..ENTRY_LEN, byte: u8) {
            let mut bytes = [vec![0; 300], entry.encode().to_vec()].concat();
            bytes[300 + at] = byte;
            if let Ok(table) = Table::decode(&bytes, 1) {
                let again = table.entries[0].encode();
                prop_assert_eq!(again.as_slice(), &bytes[300..]);
            }
        }
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused() {
        assert!(Table::decode(&payload(), 8).is_err(), "more entries than there are bytes");
        let beyond = [b"message".as_slice(), &Entry::Data { length: 8 }.encode()].concat();
        assert!(Table::decode(&beyond, 1).is_err(), "more data than there are bytes");
        let endless = [Entry::Data { length: u64::MAX }.encode(), Entry::Data { length: u64::MAX }.encode()].concat();
        assert!(Table::decode(&endless, 2).is_err());
        for at in [0, 1, 2, 3, 4, 8] {
            let mut bytes = Entry::Descriptor.encode();
            bytes[at] = 77;
            assert!(Table::decode(&bytes, 1).is_err(), "byte {at}");
        }
    }
}
