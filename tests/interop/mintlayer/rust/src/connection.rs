//! Noise by snow: the handshake, packets, and frames in them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use parity_scale_codec::Encode;
use snow::{Builder, TransportState};
use socket2::{Domain, Socket, Type};

use crate::message::{self, Message};

const PLAIN_MAX: usize = 65519;
const TAG: usize = 16;
const FRAME_MAX: usize = 10 * 1024 * 1024;
const WRITE_TIME: Duration = Duration::from_secs(60);

/// Why an order is not carried out.
#[derive(Debug)]
pub enum Stop {
    Ended,             // the other side has closed
    Late,              // nothing whole has come in time
    Malformed(String), // the other side has said what it must not
    Fault(String),     // of the order
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Stop {
        match e.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Stop::Late,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => Stop::Ended,
            _ => Stop::Fault(e.to_string()),
        }
    }
}

impl From<snow::Error> for Stop {
    fn from(e: snow::Error) -> Stop {
        Stop::Malformed(e.to_string())
    }
}

pub struct Connection {
    sock: TcpStream,
    raw: Vec<u8>,
    plain: Vec<u8>,
    noise: Option<TransportState>,
}

impl Connection {
    pub fn new(sock: TcpStream) -> Result<Self, Stop> {
        sock.set_nodelay(true)?;
        sock.set_write_timeout(Some(WRITE_TIME))?;
        Ok(Connection { sock, raw: Vec::new(), plain: Vec::new(), noise: None })
    }

    pub fn dial(from: SocketAddr, to: SocketAddr) -> Result<Self, Stop> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.bind(&from.into())?;
        socket.connect_timeout(&to.into(), Duration::from_secs(10))?;
        Self::new(socket.into())
    }

    pub fn own(&self) -> Result<SocketAddr, Stop> {
        Ok(self.sock.local_addr()?)
    }

    pub fn end_sending(&self) -> Result<(), Stop> {
        Ok(self.sock.shutdown(Shutdown::Write)?)
    }

    pub fn send(&mut self, data: &[u8]) -> Result<(), Stop> {
        Ok(self.sock.write_all(data)?)
    }

    fn fill(&mut self, by: Instant) -> Result<(), Stop> {
        let left = by.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Stop::Late);
        }
        self.sock.set_read_timeout(Some(left))?;
        let mut more = vec![0; 1 << 18];
        let n = self.sock.read(&mut more)?;
        self.raw.extend_from_slice(&more[..n]);
        if n == 0 { Err(Stop::Ended) } else { Ok(()) }
    }

    /// Whatever comes before it is left out.
    pub fn wait_end(&mut self, by: Instant) -> Result<(), Stop> {
        loop {
            match self.fill(by) {
                Ok(()) => self.raw.clear(),
                Err(Stop::Ended) => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    }

    /// The next packet, sealed, or a message of the handshake.
    fn packet(&mut self, by: Instant) -> Result<Vec<u8>, Stop> {
        loop {
            if let [low, high, rest @ ..] = &self.raw[..] {
                let n = u16::from_le_bytes([*low, *high]) as usize;
                if rest.len() >= n {
                    return Ok(self.raw.drain(..2 + n).skip(2).collect());
                }
            }
            self.fill(by)?;
        }
    }

    /// Each message goes with that payload, in pieces of that many bytes, 0 for whole.
    pub fn shake(&mut self, initiates: bool, payload: &[u8], piece: usize, by: Instant) -> Result<(), Stop> {
        let builder = Builder::new("Noise_XX_25519_ChaChaPoly_SHA256".parse()?);
        let keys = builder.generate_keypair()?;
        let builder = builder.local_private_key(&keys.private);
        let mut noise = if initiates { builder.build_initiator()? } else { builder.build_responder()? };
        let mut buffer = vec![0; 65535];
        while !noise.is_handshake_finished() {
            if noise.is_my_turn() {
                let n = noise.write_message(payload, &mut buffer)?;
                let message = [&(n as u16).to_le_bytes()[..], &buffer[..n]].concat();
                for part in message.chunks(if piece == 0 { message.len() } else { piece }) {
                    self.send(part)?;
                }
            } else {
                let message = self.packet(by)?;
                noise.read_message(&message, &mut buffer)?;
            }
        }
        self.noise = Some(noise.into_transport_mode()?);
        Ok(())
    }

    fn noise(&mut self) -> Result<&mut TransportState, Stop> {
        self.noise.as_mut().ok_or(Stop::Fault("no handshake yet".into()))
    }

    fn seal(&mut self, plain: &[u8]) -> Result<(), Stop> {
        let mut sealed = vec![0; 2 + plain.len() + TAG];
        let n = self.noise()?.write_message(plain, &mut sealed[2..])?;
        sealed[..2].copy_from_slice(&(n as u16).to_le_bytes());
        self.send(&sealed)
    }

    /// In packets of these sizes, and then in the largest ones.
    pub fn send_plain(&mut self, mut data: &[u8], sizes: &[usize]) -> Result<(), Stop> {
        for size in sizes {
            let (part, rest) = data.split_at((*size).min(data.len()));
            self.seal(part)?;
            data = rest;
        }
        data.chunks(PLAIN_MAX).try_for_each(|part| self.seal(part))
    }

    pub fn say(&mut self, message: &Message) -> Result<(), Stop> {
        let body = message.encode();
        let frame = [&(body.len() as u32).to_le_bytes()[..], &body].concat();
        self.send_plain(&frame, &[])
    }

    fn unseal(&mut self, by: Instant) -> Result<(), Stop> {
        let packet = self.packet(by)?;
        if packet.len() <= TAG {
            return Err(Stop::Malformed(format!("a packet of {} bytes", packet.len())));
        }
        let mut plain = vec![0; packet.len()];
        let n = self.noise()?.read_message(&packet, &mut plain)?;
        self.plain.extend_from_slice(&plain[..n]);
        Ok(())
    }

    /// The body of the next frame, as soon as it is whole.
    fn body(&mut self) -> Result<Option<Vec<u8>>, Stop> {
        let Some(head) = self.plain.first_chunk::<4>() else { return Ok(None) };
        let n = u32::from_le_bytes(*head) as usize;
        if n > FRAME_MAX {
            return Err(Stop::Malformed(format!("a frame of {n} bytes")));
        }
        Ok((self.plain.len() >= 4 + n).then(|| self.plain.drain(..4 + n).skip(4).collect()))
    }

    pub fn take(&mut self, by: Instant) -> Result<Message, Stop> {
        loop {
            if let Some(body) = self.body()? {
                return message::read(&body).map_err(Stop::Malformed);
            }
            self.unseal(by)?;
        }
    }
}
