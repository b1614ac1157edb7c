// Driver of the Go node factom-p2p (github.com/WhoSoup/factom-p2p), with the same roles as the C drivers:
//
//	go-p2p [-v 10|11] [-w WINDOW] [-credit C] [-resend=true|false] [-addr direct|broadcast] ROLE --port P ...
//
// The node drops parcels when one of its channels (1000 parcels) fills, so a sender keeps at
// most WINDOW parcels in flight to its slowest receiver; a receiver sends an 8-byte credit
// parcel to the sender's address after every C parcels and after the last one.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	log "github.com/sirupsen/logrus"
	p2p "github.com/whosoup/factom-p2p"
)

const (
	idleLimit = 5 * time.Second
	pause     = 300 * time.Millisecond // between warm-up and timed parcels
)

var (
	version   = flag.Int("v", 11, "protocol version")
	window    = flag.Uint64("w", 400, "parcels in flight")
	credit    = flag.Uint64("credit", 200, "parcels per credit")
	resend    = flag.Bool("resend", true, "the node's resend filter (on by default in the node)")
	addressed = flag.String("addr", "direct", "one-to-one parcels: direct to the peer's address, or broadcast")

	port, size, receivers, index int
	count, warmup                uint64
	skip                         = ^uint64(0)
	role                         string
)

func die(format string, a ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", a...)
	os.Exit(1)
}

// monoNs reads CLOCK_MONOTONIC itself, so that times of several processes compare.
func monoNs() uint64 {
	var t syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&t)), 0)
	return uint64(t.Sec)*1e9 + uint64(t.Nsec)
}

// node starts a node that listens on listen and, when dial is not 0, keeps a connection to dial.
func node(listen, dial int, name string) *p2p.Network {
	c := p2p.DefaultP2PConfiguration()
	c.Network = p2p.LocalNet
	c.BindIP = "127.0.0.1"
	c.ListenPort = strconv.Itoa(listen)
	if dial != 0 {
		c.Special = fmt.Sprintf("127.0.0.1:%d", dial)
	}
	c.NodeName = name
	c.ProtocolVersion = uint16(*version)
	c.ProtocolVersionMinimum = uint16(*version) // no quiet fallback to another protocol
	c.EnablePrometheus = false
	c.PeerResendFilter = *resend
	c.ListenLimit = time.Millisecond
	c.RedialInterval = 50 * time.Millisecond
	c.TargetPeers = 1 // receivers do not look for further peers among themselves
	c.MaxPeers = 64
	c.MaxIncoming = 64
	c.SeedURL = "http://127.0.0.1:1/none"
	n, err := p2p.NewNetwork(c)
	if err != nil {
		die("NewNetwork: %v", err)
	}
	if err := n.Run(); err != nil {
		die("Run: %v", err)
	}
	return n
}

func waitPeers(n *p2p.Network, k int) {
	for end := time.Now().Add(20 * time.Second); n.Total() < k; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			die("only %d of %d peers", n.Total(), k)
		}
	}
}

// peerAddress is the address of the one peer.
func peerAddress(n *p2p.Network) string {
	if *addressed == "broadcast" {
		return p2p.FullBroadcast
	}
	for h := range n.GetPeerMetrics() {
		return h
	}
	die("no peer")
	return ""
}

type check struct {
	expect, received, lost, errors uint64
	tWarm, tEnd                    uint64
}

func (c *check) msg(p []byte) bool {
	total := warmup + count
	if len(p) != size {
		c.errors++
		return false
	}
	s := binary.LittleEndian.Uint64(p)
	if s >= total || s < c.expect {
		c.errors++
		return false
	}
	c.lost += s - c.expect
	c.expect = s + 1
	c.received++
	if c.received == warmup {
		c.tWarm = monoNs()
	}
	if c.expect == total {
		c.tEnd = monoNs()
		return true
	}
	return false
}

// receive takes everything for one receiver and answers with credits.
func receive(n *p2p.Network, c *check) {
	idle := time.NewTicker(idleLimit)
	defer idle.Stop()
	var seen, credited uint64
	for {
		select {
		case p := <-n.Reader():
			done := c.msg(p.Payload)
			if done || c.expect-credited >= *credit {
				b := make([]byte, 8)
				binary.LittleEndian.PutUint64(b, c.expect)
				n.BlockingSend(p2p.NewParcel(p.Address, b))
				credited = c.expect
			}
			if done {
				return
			}
		case <-idle.C:
			if c.received == seen { // nothing for one whole tick
				c.lost += warmup + count - c.expect
				c.tEnd = monoNs()
				return
			}
			seen = c.received
		}
	}
}

func recvRole(nets []*p2p.Network) {
	chk := make([]check, len(nets))
	var wg sync.WaitGroup
	for i := range nets {
		wg.Add(1)
		go func(i int) {
			receive(nets[i], &chk[i])
			wg.Done()
		}(i)
	}
	wg.Wait()
	var received, lost, errs, tWarm, tEnd uint64
	for _, c := range chk {
		received += c.received
		lost += c.lost
		errs += c.errors
		if c.tWarm > tWarm {
			tWarm = c.tWarm
		}
		if c.tEnd > tEnd {
			tEnd = c.tEnd
		}
	}
	fmt.Printf(`{"role":"%s","receivers":%d,"received":%d,"lost":%d,"errors":%d,"t_warm_ns":%d,"t_end_ns":%d}`+"\n",
		role, len(nets), received, lost, errs, tWarm, tEnd)
	// the last credit must go out before this process ends: the sender leaves when it has it
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		left := 0
		for _, n := range nets {
			left += n.Total()
		}
		if left == 0 {
			break
		}
	}
}

func sendRole(n *p2p.Network, k int, addr string) {
	total := warmup + count
	acks := make(map[string]uint64, k)
	var least uint64 // of all receivers
	take := func(p *p2p.Parcel) {
		acks[p.Address] = binary.LittleEndian.Uint64(p.Payload)
		if len(acks) < k {
			return
		}
		least = total
		for _, a := range acks {
			if a < least {
				least = a
			}
		}
	}
	idle := time.NewTicker(2 * idleLimit)
	defer idle.Stop()
	seen := total + 1 // least at the last tick
	waitFor := func(want uint64) {
		for least < want {
			select {
			case p := <-n.Reader():
				take(p)
			case <-idle.C:
				if least == seen {
					die("no credit beyond %d of %d", least, total)
				}
				seen = least
			}
		}
	}
	var sent, start uint64
	begin := monoNs()
	for i := uint64(0); i < total; i++ {
		if i == warmup {
			time.Sleep(pause)
			start = monoNs()
		}
		for more := true; more; { // credits that are there already
			select {
			case p := <-n.Reader():
				take(p)
			default:
				more = false
			}
		}
		if i-least >= *window {
			waitFor(i - *window + 1)
		}
		if i == skip {
			continue
		}
		pl := make([]byte, size)
		binary.LittleEndian.PutUint64(pl, i)
		n.BlockingSend(p2p.NewParcel(addr, pl))
		sent++
	}
	t1 := monoNs()
	waitFor(total)
	fmt.Printf(`{"role":"%s","sent":%d,"t_begin_ns":%d,"t_start_ns":%d,"t_end_ns":%d,"window":%d}`+"\n",
		role, sent*uint64(k), begin, start, t1, *window)
	n.Stop()
	time.Sleep(20 * time.Millisecond)
}

func ping(n *p2p.Network) {
	addr := peerAddress(n)
	total := warmup + count
	d := make([]int64, 0, total)
	var bad uint64
	for i := uint64(0); i < total; i++ {
		start := time.Now()
		pl := make([]byte, size)
		binary.LittleEndian.PutUint64(pl, i)
		n.BlockingSend(p2p.NewParcel(addr, pl))
		p := <-n.Reader()
		d = append(d, time.Since(start).Nanoseconds())
		if len(p.Payload) != size || binary.LittleEndian.Uint64(p.Payload) != i {
			bad++
		}
	}
	v := d[warmup:]
	sort.Slice(v, func(i, j int) bool { return v[i] < v[j] })
	var sum int64
	for _, x := range v {
		sum += x
	}
	pct := func(num, den int) float64 { return float64(v[(len(v)*num+den-1)/den-1]) / 1e3 }
	fmt.Printf(`{"role":"lat-ping","rounds":%d,"errors":%d,"min_us":%.3f,"p50_us":%.3f,"p99_us":%.3f,"p999_us":%.3f,"max_us":%.3f,"mean_us":%.3f}`+"\n",
		len(v), bad, float64(v[0])/1e3, pct(50, 100), pct(99, 100), pct(999, 1000), float64(v[len(v)-1])/1e3,
		float64(sum)/float64(len(v))/1e3)
	n.Stop()
	time.Sleep(20 * time.Millisecond)
}

func echo(n *p2p.Network) {
	total := warmup + count
	idle := time.NewTicker(2 * idleLimit)
	defer idle.Stop()
	var done, seen uint64
	for done < total {
		select {
		case p := <-n.Reader():
			n.BlockingSend(p2p.NewParcel(p.Address, p.Payload))
			done++
		case <-idle.C:
			if done == seen {
				die("no ping after %d", done)
			}
			seen = done
		}
	}
	for end := time.Now().Add(3 * time.Second); n.Total() > 0 && time.Now().Before(end); {
		time.Sleep(2 * time.Millisecond)
	}
	fmt.Printf(`{"role":"lat-echo","echoed":%d}`+"\n", done)
}

func main() {
	flag.Parse()
	if flag.NArg() < 1 {
		die("no role")
	}
	role = flag.Arg(0)
	f := flag.NewFlagSet(role, flag.ExitOnError)
	f.IntVar(&port, "port", 0, "")
	f.IntVar(&size, "size", 128, "")
	f.Uint64Var(&count, "count", 1000, "")
	f.Uint64Var(&warmup, "warmup", 1, "")
	f.IntVar(&receivers, "receivers", 1, "")
	f.IntVar(&index, "index", 0, "")
	f.Parse(flag.Args()[1:])
	if size < 8 || size > 16<<20 || receivers < 1 || receivers > 1000 || count < 1 || *window < 1 {
		die("option out of range")
	}
	if warmup < 1 {
		warmup = 1
	}
	if *credit > *window/2 && *window > 1 {
		*credit = *window / 2
	}
	if *credit < 1 {
		*credit = 1
	}
	if s := os.Getenv("KITH_BENCH_SKIP"); s != "" {
		v, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			die("KITH_BENCH_SKIP: %v", err)
		}
		skip = v
	}
	time.AfterFunc(120*time.Second, func() { die("time is up") })
	log.SetLevel(log.FatalLevel)
	log.SetOutput(os.Stderr)

	switch role {
	case "thr-recv":
		n := node(port, 0, "R")
		recvRole([]*p2p.Network{n})
	case "thr-send":
		n := node(port+1, port, "S")
		waitPeers(n, 1)
		sendRole(n, 1, peerAddress(n))
	case "fan-send":
		n := node(port, 0, "S")
		waitPeers(n, receivers)
		sendRole(n, receivers, p2p.FullBroadcast)
	case "fan-recv":
		nets := make([]*p2p.Network, receivers)
		for i := range nets {
			k := index + i
			nets[i] = node(port+1+k, port, fmt.Sprintf("R%d", k))
			waitPeers(nets[i], 1)
			time.Sleep(3 * time.Millisecond) // the hub refuses two connections in one millisecond
		}
		recvRole(nets)
	case "lat-echo":
		echo(node(port, 0, "E"))
	case "lat-ping":
		n := node(port+1, port, "P")
		waitPeers(n, 1)
		ping(n)
	default:
		die("unknown role %s", role)
	}
}
