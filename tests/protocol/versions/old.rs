//! Version 1.0.

super::common!();

impl Protocol for Desk {
    const NAME: &'static str = "desk";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// Answered with the area. The later version has one more field, against the rule.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Desk, reply = u64)]
pub struct Resize {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// For nobody to answer. The later version has another type, against the rule.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Desk)]
pub struct Jot(
    /// What is to be kept.
    pub String,
);

/// Answered with the number of marks. Only its types have other names in the later version.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Desk, reply = u64)]
pub struct Count {
    /// What is counted.
    pub marks: Vec<Mark>,
}

/// A part of [`Count`].
#[derive(Debug, Serialize, Deserialize, Shape)]
pub struct Mark {
    /// Its place.
    pub at: u64,
}

/// Not derived, so that nothing is known of its shape.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plain(
    /// A number.
    pub u32,
);

impl Message for Plain {
    type To = ToChild<Desk>;
    type Contract = Call<u32>;
    const NAME: &'static str = "Plain";
}

/// Answered by the parent with a price. The later version has one more field, against the rule.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Desk, reply = u64)]
pub struct Quote {
    /// What it is for.
    pub item: u32,
}

/// Told to the parent. The later version has another type, against the rule.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Desk)]
pub struct Seen(
    /// Which.
    pub u32,
);

/// Told to the parent. The later version has another type, against the rule, and no parent has a handler for it.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Desk)]
pub struct Noted(
    /// What.
    pub String,
);
