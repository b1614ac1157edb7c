//! A Mintlayer peer that does as its standard input says: each line is an order, and each is answered by a line.
//!
//! Orders name listeners and connections by numbers, bytes in hex, and messages as in text.rs.

mod connection;
mod message;
mod text;

use std::io::{self, BufRead, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use connection::{Connection, Stop};

#[derive(Default)]
struct Peer {
    listeners: Vec<TcpListener>,
    connections: Vec<Option<Connection>>,
}

fn seconds(word: &str) -> Result<Instant, Stop> {
    let s: f64 = word.parse().map_err(|_| Stop::Fault(format!("no time: {word}")))?;
    Ok(Instant::now() + Duration::from_secs_f64(s))
}

fn number(word: &str) -> Result<usize, Stop> {
    word.parse().map_err(|_| Stop::Fault(format!("no number: {word}")))
}

fn address(word: &str) -> Result<SocketAddr, Stop> {
    word.parse().map_err(|_| Stop::Fault(format!("no address: {word}")))
}

impl Peer {
    fn connection(&mut self, word: &str) -> Result<&mut Connection, Stop> {
        let n = number(word)?;
        self.connections.get_mut(n).and_then(Option::as_mut).ok_or(Stop::Ended)
    }

    fn add(&mut self, connection: Connection) -> usize {
        self.connections.push(Some(connection));
        self.connections.len() - 1
    }

    fn listen(&mut self, at: &str) -> Result<String, Stop> {
        let listener = TcpListener::bind(address(at)?)?;
        listener.set_nonblocking(true)?;
        self.listeners.push(listener);
        Ok((self.listeners.len() - 1).to_string())
    }

    fn accept(&mut self, listener: &str, by: Instant) -> Result<String, Stop> {
        let listener = self.listeners.get(number(listener)?).ok_or(Stop::Ended)?;
        loop {
            match listener.accept() {
                Ok((sock, from)) => {
                    sock.set_nonblocking(false)?;
                    return Ok(format!("{} {from}", self.add(Connection::new(sock)?)));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => (),
                Err(e) => return Err(e.into()),
            }
            if Instant::now() >= by {
                return Err(Stop::Late);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn dial(&mut self, from: &str, to: &str) -> Result<String, Stop> {
        let connection = Connection::dial(address(from)?, address(to)?)?;
        let own = connection.own()?;
        Ok(format!("{} {own}", self.add(connection)))
    }

    fn obey(&mut self, line: &str) -> Result<String, Stop> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["listen", at] => return self.listen(at),
            ["accept", listener, s] => return self.accept(listener, seconds(s)?),
            ["dial", from, to] => return self.dial(from, to),
            ["shake", c, initiates, payload, piece, s] => {
                let (payload, piece, by) = (text::bytes(payload)?, number(piece)?, seconds(s)?);
                self.connection(c)?.shake(initiates == "1", &payload, piece, by)?;
            }
            ["raw", c, data] => self.connection(c)?.send(&text::bytes(data)?)?,
            ["plain", c, data, sizes] => {
                let sizes = sizes.split(',').filter(|w| !w.is_empty()).map(number).collect::<Result<Vec<_>, _>>()?;
                self.connection(c)?.send_plain(&text::bytes(data)?, &sizes)?;
            }
            ["say", c, ref fields @ ..] => {
                let message = text::read(fields)?;
                self.connection(c)?.say(&message)?;
            }
            ["take", c, s] => return Ok(text::write(&self.connection(c)?.take(seconds(s)?)?)),
            ["end", c, s] => self.connection(c)?.wait_end(seconds(s)?)?,
            ["half", c] => self.connection(c)?.end_sending()?,
            ["drop", c] => self.connections[number(c)?] = None,
            _ => return Err(Stop::Fault(format!("no order: {}", words[0]))),
        }
        Ok(String::new())
    }
}

fn main() -> io::Result<()> {
    let mut peer = Peer::default();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        match peer.obey(&line?) {
            Ok(answer) => writeln!(out, "ok {answer}")?,
            Err(Stop::Ended) => writeln!(out, "ended")?,
            Err(Stop::Late) => writeln!(out, "late")?,
            Err(Stop::Malformed(what)) => writeln!(out, "malformed {what}")?,
            Err(Stop::Fault(what)) => writeln!(out, "fault {what}")?,
        }
        out.flush()?;
    }
    Ok(())
}
