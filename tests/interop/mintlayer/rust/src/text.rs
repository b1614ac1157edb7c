//! Messages as text: the kind, and NAME=VALUE for each field. Bytes and texts are in hex, addresses as ADDRESS:PORT, lists
//! have commas, and - is nothing.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use parity_scale_codec::Compact;

use crate::connection::Stop;
use crate::message::{Address, Agent, Found, Handshake, Message, Rest, Who};

fn fault(what: &str) -> Stop {
    Stop::Fault(what.to_string())
}

pub fn bytes(hex: &str) -> Result<Vec<u8>, Stop> {
    let digit = |b: u8| (b as char).to_digit(16).ok_or(fault("no hex")).map(|d| d as u8);
    hex.as_bytes().chunks(2).map(|p| Ok(digit(p[0])? << 4 | digit(*p.get(1).ok_or(fault("odd"))?)?)).collect()
}

fn hex(data: &[u8]) -> String {
    let digits = b"0123456789abcdef";
    data.iter().flat_map(|b| [digits[(b >> 4) as usize] as char, digits[(b & 15) as usize] as char]).collect()
}

fn fixed<const N: usize>(word: &str) -> Result<[u8; N], Stop> {
    bytes(word)?.try_into().map_err(|_| fault("another length"))
}

fn list<T>(word: &str, read: impl Fn(&str) -> Result<T, Stop>) -> Result<Vec<T>, Stop> {
    word.split(',').filter(|w| !w.is_empty()).map(read).collect()
}

fn address(word: &str) -> Result<Address, Stop> {
    let at: SocketAddr = word.parse().map_err(|_| fault("no address"))?;
    Ok(match at.ip() {
        IpAddr::V4(ip) => Address::V4(ip.octets(), at.port()),
        IpAddr::V6(ip) => Address::V6(ip.octets(), at.port()),
    })
}

fn endpoint(a: &Address) -> String {
    match a {
        Address::V4(ip, port) => SocketAddr::from((*ip, *port)).to_string(),
        Address::V6(ip, port) => SocketAddr::from((*ip, *port)).to_string(),
    }
}

// --- reading ---

struct Fields<'a>(&'a [&'a str]);

impl<'a> Fields<'a> {
    fn find(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.split_once('=').filter(|(n, _)| *n == name).map(|(_, value)| value))
    }

    fn text(&self, name: &str) -> Result<&'a str, Stop> {
        self.find(name).ok_or(fault(name))
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<T, Stop> {
        self.text(name)?.parse().map_err(|_| fault(name))
    }

    fn who(&self) -> Result<Who, Stop> {
        let software = self.text("software")?;
        let parts: Vec<u16> = software.split('.').filter_map(|w| w.parse().ok()).collect();
        let [major, minor, patch] = parts[..] else { return Err(fault("software")) };
        let receiver = self.text("receiver")?;
        Ok(Who {
            version: self.number("version")?,
            network: fixed(self.text("network")?)?,
            services: self.number("services")?,
            agent: Agent(bytes(self.text("agent")?)?),
            software: (major as u8, minor as u8, patch),
            receiver: if receiver == "-" { None } else { Some(address(receiver)?) },
            time: Compact(self.number("time")?),
        })
    }
}

pub fn read(words: &[&str]) -> Result<Message, Stop> {
    let (kind, rest) = words.split_first().ok_or(fault("no kind"))?;
    let f = Fields(rest);
    Ok(match *kind {
        "Hello" => Message::Handshake(Handshake::Hello(f.who()?, f.number("nonce")?)),
        "HelloAck" => Message::Handshake(Handshake::HelloAck(f.who()?)),
        "PingRequest" => Message::PingRequest(f.number("nonce")?),
        "PingResponse" => Message::PingResponse(f.number("nonce")?),
        "NewTransaction" => Message::NewTransaction(fixed(f.text("id")?)?),
        "HeaderListRequest" => Message::HeaderListRequest(list(f.text("ids")?, fixed)?),
        "HeaderList" => Message::HeaderList(Rest(bytes(f.text("bytes")?)?)),
        "BlockListRequest" => Message::BlockListRequest(list(f.text("ids")?, fixed)?),
        "BlockResponse" => Message::BlockResponse(Rest(bytes(f.text("bytes")?)?)),
        "AnnounceAddrRequest" => Message::AnnounceAddrRequest(address(f.text("address")?)?),
        "AddrListRequest" => Message::AddrListRequest,
        "AddrListResponse" => Message::AddrListResponse(list(f.text("addresses")?, address)?),
        "TransactionRequest" => Message::TransactionRequest(fixed(f.text("id")?)?),
        "TransactionResponse" => Message::TransactionResponse(match f.find("found") {
            Some(found) => Found::Here(Rest(bytes(found)?)),
            None => Found::Missing(fixed(f.text("id")?)?),
        }),
        "WillDisconnect" => {
            Message::WillDisconnect(String::from_utf8(bytes(f.text("reason")?)?).map_err(|_| fault("no UTF-8"))?)
        }
        _ => return Err(fault("no such kind")),
    })
}

// --- writing ---

fn who(kind: &str, w: &Who) -> String {
    let (major, minor, patch) = w.software;
    format!(
        "{kind} version={} network={} services={} agent={} software={major}.{minor}.{patch} receiver={} time={}",
        w.version,
        hex(&w.network),
        w.services,
        hex(&w.agent.0),
        w.receiver.as_ref().map_or("-".to_string(), endpoint),
        w.time.0
    )
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(",")
}

pub fn write(message: &Message) -> String {
    match message {
        Message::Handshake(Handshake::Hello(w, nonce)) => {
            let mut text = who("Hello", w);
            let _ = write!(text, " nonce={nonce}");
            text
        }
        Message::Handshake(Handshake::HelloAck(w)) => who("HelloAck", w),
        Message::PingRequest(nonce) => format!("PingRequest nonce={nonce}"),
        Message::PingResponse(nonce) => format!("PingResponse nonce={nonce}"),
        Message::NewTransaction(id) => format!("NewTransaction id={}", hex(id)),
        Message::HeaderListRequest(ids) => format!("HeaderListRequest ids={}", join(ids.iter().map(|i| hex(i)))),
        Message::HeaderList(rest) => format!("HeaderList bytes={}", hex(&rest.0)),
        Message::BlockListRequest(ids) => format!("BlockListRequest ids={}", join(ids.iter().map(|i| hex(i)))),
        Message::BlockResponse(rest) => format!("BlockResponse bytes={}", hex(&rest.0)),
        Message::AnnounceAddrRequest(a) => format!("AnnounceAddrRequest address={}", endpoint(a)),
        Message::AddrListRequest => "AddrListRequest".to_string(),
        Message::AddrListResponse(all) => format!("AddrListResponse addresses={}", join(all.iter().map(endpoint))),
        Message::TransactionRequest(id) => format!("TransactionRequest id={}", hex(id)),
        Message::TransactionResponse(Found::Here(rest)) => format!("TransactionResponse found={}", hex(&rest.0)),
        Message::TransactionResponse(Found::Missing(id)) => format!("TransactionResponse id={}", hex(id)),
        Message::WillDisconnect(reason) => format!("WillDisconnect reason={}", hex(reason.as_bytes())),
    }
}
