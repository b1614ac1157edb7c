package main

import (
	"fmt"
	"net"
	"time"
	"unicode/utf8"

	p2p "github.com/whosoup/factom-p2p"
)

const (
	pollInterval = 10 * time.Millisecond
	listenWithin = 5 * time.Second
)

type event map[string]interface{}

// node is the Go node with what has been said of its peers. The module has no events for them: they are found by
// looking.
type node struct {
	conf     p2p.Configuration
	network  *p2p.Network
	online   map[string]p2p.PeerMetrics
	requests chan request
	events   chan interface{}
}

func newNode(c p2p.Configuration) (*node, error) {
	network, err := p2p.NewNetwork(c)
	if err != nil {
		return nil, err
	}
	return &node{
		conf:     c,
		network:  network,
		online:   make(map[string]p2p.PeerMetrics),
		requests: make(chan request),
		events:   make(chan interface{}, 1024),
	}, nil
}

func (n *node) endpoint() string {
	return net.JoinHostPort(n.conf.BindIP, n.conf.ListenPort)
}

// awaitListening dials the node until it listens: the module does not tell.
func (n *node) awaitListening() {
	by := time.Now().Add(listenWithin)
	for {
		connection, err := net.Dial("tcp", n.endpoint())
		if err == nil {
			connection.Close()
			return
		}
		if time.Now().After(by) {
			fail("does not listen: %v", err)
		}
		time.Sleep(pollInterval)
	}
}

func (n *node) run() {
	if err := n.network.Run(); err != nil {
		fail("%v", err)
	}
	n.awaitListening()
	n.events <- event{"event": "listening", "address": n.endpoint()}
	go write(n.events)
	go n.receive()
	go read(n.requests)
	n.serve()
	n.network.Stop()
}

// receive passes messages on as they come; a message may overtake the news that its sender is online.
func (n *node) receive() {
	for parcel := range n.network.Reader() {
		e := event{"event": "parcel", "peer": parcel.Address, "base64": parcel.Payload}
		if utf8.Valid(parcel.Payload) {
			e["text"] = string(parcel.Payload)
		}
		n.events <- e
	}
}

// serve answers requests and looks for peers that came or went, until standard input ends or says so.
func (n *node) serve() {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			n.look()
		case r, more := <-n.requests:
			if !more || r.Command == "quit" {
				return
			}
			n.answer(r)
		}
	}
}

func direction(m p2p.PeerMetrics) string {
	if m.Incoming {
		return "incoming"
	}
	return "outgoing"
}

// describe splits "10.0.0.7:8110 0001a2b3" and "v10", the module's texts, into what kith says of a peer.
func describe(m p2p.PeerMetrics) event {
	var address string
	var id, version uint32
	fmt.Sscanf(m.Hash, "%s %x", &address, &id)
	fmt.Sscanf(m.ConnectionState, "v%d", &version)
	return event{"peer": m.Hash, "address": address, "direction": direction(m), "version": version,
		"special": m.PeerType == "special_config", "dropped": m.Dropped, "bytes_in": m.BytesReceived,
		"bytes_out": m.BytesSent, "online_ms": time.Since(m.MomentConnected).Milliseconds()}
}

// look reports the differences since the last look. Another connection of the same name is another peer.
func (n *node) look() {
	now := n.network.GetPeerMetrics()
	for hash, was := range n.online {
		if is, found := now[hash]; !found || !is.MomentConnected.Equal(was.MomentConnected) {
			delete(n.online, hash)
			n.events <- event{"event": "offline", "peer": hash, "direction": direction(was), "reason": ""}
		}
	}
	for hash, m := range now {
		if _, known := n.online[hash]; !known {
			n.online[hash] = m
			e := describe(m)
			e["event"] = "online"
			n.events <- e
		}
	}
}

func (n *node) answer(r request) {
	e := n.carryOut(r)
	if r.ID != nil {
		e["id"] = r.ID
	}
	n.events <- e
}

func (n *node) carryOut(r request) event {
	switch {
	case r.Send != "":
		return n.send(r)
	case r.Command == "peers":
		return n.peers()
	case r.Command == "status":
		return event{"event": "status", "total": n.network.Total(), "rounds": n.network.Rounds()}
	case r.Command == "ban":
		n.network.Ban(r.Peer)
	case r.Command == "disconnect":
		n.network.Disconnect(r.Peer)
	case r.Command == "special":
		n.network.SetSpecial(r.Peers)
	default:
		return event{"event": "error", "message": "no such request"}
	}
	return event{"event": "done", "message": r.Command}
}

// send waits while the node's own queue is full. What a peer's queue drops is in the field "dropped" of peers.
func (n *node) send(r request) event {
	payload := r.Base64
	if r.Text != "" {
		payload = []byte(r.Text)
	}
	if len(payload) == 0 {
		return event{"event": "error", "message": "nothing to send"}
	}
	n.network.BlockingSend(p2p.NewParcel(r.Send, payload))
	return event{"event": "sent"}
}

func (n *node) peers() event {
	list := []event{}
	for _, m := range n.network.GetPeerMetrics() {
		list = append(list, describe(m))
	}
	return event{"event": "peers", "peers": list}
}
