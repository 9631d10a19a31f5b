//! A type that its sender cannot compare is told of before the first message of it, and compared by the receiver.

use kinfolk_protocol::Sketch;

use super::*;
use crate::handlers::Handlers;

macro_rules! shaped {
    ($($name:ident $fields:tt $contract:ty, $called:literal;)*) => {$(
        #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
        struct $name $fields;
        impl Message for $name {
            type To = ToChild<Pair>;
            type Contract = $contract;
            const NAME: &'static str = $called;
            fn outline(sketch: &mut Sketch) {
                sketch.text(stringify!($fields));
            }
        }
    )*};
}

shaped! {
    Told(Vec<u8>) OneWay, "Told";
    OtherTold(String) OneWay, "Told";
    Question(u8) Call<u8>, "Question";
    OtherQuestion(u16) Call<u8>, "Question";
}

fn compared<M: Message>(theirs: &Welcomed) -> Result<(), Box<ShapeMismatch>> {
    ShapeMismatch::check(M::NAME, &Welcomed::of::<M>(), theirs)
}

async fn letter(end: &mut End) -> Letter {
    loop {
        match end.next().await.unwrap() {
            Some(Received::Message(letter)) => return letter,
            Some(Received::Handled) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_a_parent_reads_as_an_event_comes_after_its_shape_which_is_told_once() {
    for length in [0, 20_000, 200_000] {
        let (mut parent, child) = pair(Limits::default(), 1 << 20);
        child.conn.welcome(Vec::new());
        let messages = [(); 2].map(|()| child.conn.send(Told(vec![0; length])));
        for message in messages {
            message.await.unwrap();
        }
        assert!(matches!(parent.next().await, Ok(Some(Received::Handled))), "the shape comes first");
        for _ in 0..2 {
            let Ok(Some(Received::Message(letter))) = parent.next().await else { panic!("a message is missing") };
            let definition = letter.definition.expect("it was told of");
            let mismatch = compared::<OtherTold>(&definition).unwrap_err();
            assert_eq!((mismatch.ours.as_str(), mismatch.theirs.as_str()), ("(String)", "(Vec<u8>)"));
            assert_eq!(compared::<Told>(&definition), Ok(()));
        }
    }
}

#[tokio::test]
async fn what_comes_before_a_child_is_ready_is_compared_there() {
    let (mut parent, mut child) = pair(Limits::default(), 1 << 20);
    let mut handlers = Handlers::default();
    handlers.add(|(), _, OtherTold(_)| async { panic!("misread") });
    handlers.add(|(), _, OtherQuestion(_)| async { panic!("misread") });
    parent.conn.send(Told(vec![1])).await.unwrap();
    let refused = handlers.message((), letter(&mut child).await).unwrap().await.unwrap_err();
    let Failure::BadMessage(sentence) = refused else { panic!("{refused:?}") };
    assert!(sentence.contains("`(String)` in this program and `(Vec<u8>)` in the other"), "{sentence}");

    assert_eq!(parent.conn.admit::<Question>(), Admission::Handled);
    let waiting = tokio::spawn(parent.conn.call(MessageId::of("Question"), vec![1].into(), Manner::default()));
    assert!(matches!(child.next().await, Ok(Some(Received::Handled))), "the shape comes first");
    let asked = child.expect_call().await;
    handlers.call((), &child.conn, asked, None).await;
    assert!(matches!(parent.next().await, Ok(Some(Received::Handled))));
    let CallOutcome::Failed(Failure::BadMessage(sentence)) = waiting.await.unwrap() else { panic!("it was answered") };
    assert!(sentence.contains("`(u16)` in this program and `(u8)` in the other"), "{sentence}");
}

fn told(message: u64) -> Frame {
    let payload = Welcomed { message: MessageId::NONE, fingerprint: 1, shape: "x".repeat(4_096) }.encode();
    let header =
        Header { message: MessageId::from_bits(message), ..Header::control(Kind::Definition, payload.len() as u32) };
    Frame { header, payload: payload.into(), passed: Passed::default() }
}

#[tokio::test]
async fn shapes_are_bounded_in_number_and_words_and_each_is_told_once() {
    let (parent, _child) = pair(Limits::default(), 64);
    for message in 0..2_048 {
        assert!(matches!(parent.conn.receive(told(message)), Ok(Received::Handled)), "{message}");
    }
    let state = lock(&parent.conn.state);
    let words = |message| state.learned.get(MessageId::from_bits(message)).unwrap().shape.len();
    assert_eq!([0, 15, 16, 2_047].map(words), [4_096, 4_096, 0, 0]);
    drop(state);
    for message in [7, 2_048] {
        let error = parent.conn.receive(told(message)).unwrap_err();
        assert_eq!(error.to_string(), "it sent a Definition frame twice for a type, or for too many types");
    }
}
