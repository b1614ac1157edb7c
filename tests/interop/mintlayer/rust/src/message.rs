//! Mintlayer's messages by parity-scale-codec: docs/protocols/mintlayer.md, sections 4 and 5.

use parity_scale_codec::{Compact, Decode, DecodeAll, Encode, Error, Input};

type Id = [u8; 32];

#[derive(Encode, Decode, Debug)]
pub enum Address {
    #[codec(index = 0)]
    V4([u8; 4], u16),
    #[codec(index = 1)]
    V6([u8; 16], u16),
}

/// One to 24 bytes that can be seen.
#[derive(Encode, Debug)]
pub struct Agent(pub Vec<u8>);

impl Decode for Agent {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let text = Vec::<u8>::decode(input)?;
        if text.is_empty() || text.len() > 24 || !text.iter().all(u8::is_ascii_graphic) {
            return Err("no user agent".into());
        }
        Ok(Agent(text))
    }
}

/// All that follows; nobody looks into it.
#[derive(Debug)]
pub struct Rest(pub Vec<u8>);

impl Encode for Rest {
    fn encode_to<T: parity_scale_codec::Output + ?Sized>(&self, out: &mut T) {
        out.write(&self.0);
    }
}

impl Decode for Rest {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let n = input.remaining_len()?.ok_or("a stream")?;
        let mut rest = vec![0; n];
        input.read(&mut rest)?;
        Ok(Rest(rest))
    }
}

#[derive(Encode, Decode, Debug)]
pub struct Who {
    pub version: u32,
    pub network: [u8; 4],
    pub services: u64,
    pub agent: Agent,
    pub software: (u8, u8, u16),
    pub receiver: Option<Address>,
    pub time: Compact<u64>,
}

#[derive(Encode, Decode, Debug)]
pub enum Handshake {
    #[codec(index = 0)]
    Hello(Who, u64),
    #[codec(index = 1)]
    HelloAck(Who),
}

#[derive(Encode, Decode, Debug)]
pub enum Found {
    #[codec(index = 0)]
    Missing(Id),
    #[codec(index = 1)]
    Here(Rest),
}

#[derive(Encode, Decode, Debug)]
pub enum Message {
    #[codec(index = 0)]
    Handshake(Handshake),
    #[codec(index = 1)]
    PingRequest(u64),
    #[codec(index = 2)]
    PingResponse(u64),
    #[codec(index = 3)]
    NewTransaction(Id),
    #[codec(index = 4)]
    HeaderListRequest(Vec<Id>),
    #[codec(index = 5)]
    HeaderList(Rest),
    #[codec(index = 6)]
    BlockListRequest(Vec<Id>),
    #[codec(index = 7)]
    BlockResponse(Rest),
    #[codec(index = 8)]
    AnnounceAddrRequest(Address),
    #[codec(index = 9)]
    AddrListRequest,
    #[codec(index = 10)]
    AddrListResponse(Vec<Address>),
    #[codec(index = 11)]
    TransactionRequest(Id),
    #[codec(index = 12)]
    TransactionResponse(Found),
    #[codec(index = 13)]
    WillDisconnect(String),
}

/// What is read must be written to the same bytes.
pub fn read(body: &[u8]) -> Result<Message, String> {
    let message = Message::decode_all(&mut &body[..]).map_err(|e| e.to_string().replace('\n', " "))?;
    if message.encode() != body {
        return Err(format!("{message:?} is written otherwise"));
    }
    Ok(message)
}
