// A node of the Go implementation of the Factom protocol, driven as "kith -json" is: a JSON object a line on standard
// input for each request and on standard output for each event. It ends with its standard input.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	log "github.com/sirupsen/logrus"
	p2p "github.com/whosoup/factom-p2p"
)

// request is one line of standard input. ID comes back in the event that answers it.
type request struct {
	ID      interface{} `json:"id"`
	Send    string      `json:"send"`
	Text    string      `json:"text"`
	Base64  []byte      `json:"base64"`
	Command string      `json:"command"`
	Peer    string      `json:"peer"`
	Peers   string      `json:"peers"`
}

func fail(format string, arguments ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}

// configure reads the flags. Where kith has a flag for the same, it has the same name.
func configure() p2p.Configuration {
	c := p2p.DefaultP2PConfiguration()
	c.Network = p2p.LocalNet
	c.EnablePrometheus = false
	version := flag.Uint("protocolVersion", 10, "version to prefer")
	minimum := flag.Uint("protocolVersionMinimum", 9, "least version to accept")
	network := flag.Uint("networkID", uint(p2p.LocalNet), "id of the network")
	flag.StringVar(&c.BindIP, "bind", "127.0.0.1", "address to listen on and dial from")
	flag.StringVar(&c.ListenPort, "networkPort", "8110", "port to listen on")
	flag.StringVar(&c.NodeName, "nodeName", "", "the node's id is made from this; the endpoint if empty")
	flag.StringVar(&c.Special, "peers", "", "special peers, with commas between them")
	flag.StringVar(&c.SeedURL, "seedURL", "http://127.0.0.1:1/", "seed list")
	flag.StringVar(&c.PeerCacheFile, "peersFile", "", "where peers and bans are kept")
	flag.UintVar(&c.MaxIncoming, "incoming", c.MaxIncoming, "no connection is accepted with so many peers")
	flag.UintVar(&c.TargetPeers, "target", c.TargetPeers, "no peer is dialed with so many peers")
	flag.UintVar(&c.MaxPeers, "max", c.MaxPeers, "limit of -incoming")
	flag.UintVar(&c.Fanout, "broadcastnum", c.Fanout, "ordinary peers that a broadcast goes to")
	flag.UintVar(&c.PeerShareAmount, "share", c.PeerShareAmount, "addresses in a share")
	flag.DurationVar(&c.RedialInterval, "redial", time.Second, "between two dials of one peer")
	flag.DurationVar(&c.ListenLimit, "acceptInterval", time.Millisecond, "between two connections from one address")
	flag.DurationVar(&c.PeerRequestInterval, "peerRequest", c.PeerRequestInterval, "between two requests for peers")
	flag.DurationVar(&c.PingInterval, "ping", c.PingInterval, "time without sending after which a peer is pinged")
	flag.DurationVar(&c.ReadDeadline, "silence", c.ReadDeadline, "time without a parcel after which a peer is left")
	flag.DurationVar(&c.RoundTime, "cat", c.RoundTime, "between two rounds that drop peers and write -peersFile")
	flag.BoolVar(&c.PeerResendFilter, "echo", c.PeerResendFilter, "no message goes to a peer that sent the same")
	flag.Parse()
	c.ProtocolVersion, c.ProtocolVersionMinimum = uint16(*version), uint16(*minimum)
	c.Network = p2p.NetworkID(*network)
	if c.NodeName == "" {
		c.NodeName = c.BindIP + ":" + c.ListenPort
	}
	return c
}

// write is the one that writes to standard output.
func write(events <-chan interface{}) {
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for event := range events {
		if err := encoder.Encode(event); err != nil {
			os.Exit(1)
		}
		if len(events) == 0 && out.Flush() != nil {
			os.Exit(1)
		}
	}
}

// read passes on the requests, and closes the channel at the end of standard input.
func read(requests chan<- request) {
	defer close(requests)
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			fail("standard input: %v", err)
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			fail("standard input: %v: %.100s", err, strings.TrimSpace(string(line)))
		}
		requests <- r
	}
}

func main() {
	log.SetOutput(os.Stderr)
	log.SetLevel(log.DebugLevel)
	n, err := newNode(configure())
	if err != nil {
		fail("%v", err)
	}
	n.run()
}
