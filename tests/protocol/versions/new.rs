//! Version 1.1.

super::common!();

impl Protocol for Desk {
    const NAME: &'static str = "desk";
    const VERSION: Version = Version::new(1, 1);
    type Init = ();
    type Codec = Bincode;
}

/// Answered with the area. The earlier version has one field less.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Desk, reply = u64)]
pub struct Resize {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// In percent.
    pub quality: u8,
}

/// For nobody to answer. The earlier version has another type.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Desk)]
pub struct Jot(
    /// What is to be kept.
    pub Vec<String>,
);

/// Answered with the number of marks. In the earlier version it is `Count`, and its part `Mark`.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Desk, reply = u64, name = "Count")]
pub struct CountMarks {
    /// What is counted.
    pub marks: Vec<Spot>,
}

/// A part of [`CountMarks`].
#[derive(Debug, Serialize, Deserialize, Shape)]
pub struct Spot {
    /// Its place.
    pub at: u64,
}

/// Not derived, so that nothing is known of its shape.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plain(
    /// A number.
    pub u32,
    /// Another one.
    pub u32,
);

impl Message for Plain {
    type To = ToChild<Desk>;
    type Contract = Call<u32>;
    const NAME: &'static str = "Plain";
}

/// Answered with the greatest number: not in the earlier version.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Desk, reply = Option<u32>)]
pub struct Greatest(
    /// The numbers.
    pub Vec<u32>,
);

/// For nobody to answer: not in the earlier version.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Desk)]
pub struct Hint(
    /// What may help.
    pub String,
);

/// Answered by the parent with a price. The earlier version has one field less.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Desk, reply = u64)]
pub struct Quote {
    /// What it is for.
    pub item: u32,
    /// In which it is to be.
    pub currency: String,
}

/// Told to the parent. The earlier version has another type.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Desk)]
pub struct Seen(
    /// Which.
    pub u64,
);

/// Answered by the parent with a word: not in the earlier version.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Desk, reply = String)]
pub struct Review(
    /// Of what.
    pub u32,
);

/// Told to the parent: not in the earlier version.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Desk)]
pub struct Rated(
    /// How well.
    pub u8,
);

/// Told to the parent. The earlier version has another type, and no parent has a handler for it.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Desk)]
pub struct Noted(
    /// What.
    pub Vec<u16>,
);
