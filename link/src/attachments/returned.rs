//! A loan on its way back.

use kinfolk_protocol::WireError;

/// What a Returned frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Returned {
    pub(crate) loan: u32,
    pub(crate) condition: Condition,
}

/// Whether a region can be lent from again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It can.
    Good,
    /// Its descriptor did not come through: whatever is lent from it is lost.
    Lost,
}

impl Returned {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut bytes = self.loan.to_le_bytes().to_vec();
        bytes.push(u8::from(self.condition == Condition::Lost));
        bytes
    }

    pub(crate) fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let loan = number("Returned", payload)?;
        let condition = match payload.get(4) {
            None | Some(0) => Condition::Good,
            Some(1) => Condition::Lost,
            Some(other) => {
                return Err(WireError::Invalid { frame: "Returned", field: "condition", found: other.to_string() });
            }
        };
        Ok(Self { loan, condition })
    }
}

/// The number the payload of `frame` begins with. What else follows is left to later versions.
pub(super) fn number(frame: &'static str, payload: &[u8]) -> Result<u32, WireError> {
    match payload.first_chunk() {
        Some(bytes) => Ok(u32::from_le_bytes(*bytes)),
        None => Err(WireError::Truncated { frame, field: "loan" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_is_these_bytes() {
        let lost = Returned { loan: 0x0102, condition: Condition::Lost };
        assert_eq!(lost.encode(), b"\x02\x01\0\0\x01");
        assert_eq!(Returned::decode(&lost.encode()), Ok(lost));
        assert_eq!(Returned::decode(b"\x02\x01\0\0"), Ok(Returned { condition: Condition::Good, ..lost }));
        assert!(Returned::decode(b"\x02\x01\0\0\x02").is_err());
        assert!(Returned::decode(b"\x02\x01\0").is_err());
    }
}
