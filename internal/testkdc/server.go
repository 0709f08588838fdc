package testkdc

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gosspi/kerberos/internal/krb5"
)

// Limits of the server.
const (
	maxDatagram    = 1472             // bytes of an answer over UDP: what an Ethernet frame holds
	maxConnections = 64               // at a time
	patience       = 10 * time.Second // for one exchange over TCP
)

// Server serves a KDC over TCP and UDP on one port of the loopback interface.
type Server struct {
	kdc *KDC
	tcp *net.TCPListener
	udp *net.UDPConn

	mu     sync.Mutex
	open   map[net.Conn]struct{} // nil after Close
	places chan struct{}         // one for each connection
	wg     sync.WaitGroup
}

// ErrNotLoopback is the error of Listen for an address of another interface.
var ErrNotLoopback = errors.New("the KDC listens on loopback addresses only, such as 127.0.0.1:0 or [::1]:0")

// Listen starts to serve k at an address, an IP address of the loopback interface and a port.
// Port 0 means a free port. Close ends the goroutines that Listen starts.
func Listen(k *KDC, address string) (*Server, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, ErrNotLoopback
	}
	const tries = 10 // the port that is free for TCP may be taken for UDP
	for range tries {
		s := &Server{kdc: k, open: make(map[net.Conn]struct{}), places: make(chan struct{}, maxConnections)}
		if err = s.listen(at); err == nil {
			s.wg.Go(s.serveUDP)
			s.wg.Go(s.serveTCP)
			return s, nil
		}
		if at.Port() != 0 {
			break
		}
	}
	return nil, err
}

func (s *Server) listen(at netip.AddrPort) (err error) {
	if s.tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at)); err != nil {
		return err
	}
	if s.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.Addr())); err != nil {
		s.tcp.Close()
	}
	return err
}

// Addr returns the address at which the KDC listens.
func (s *Server) Addr() netip.AddrPort { return s.tcp.Addr().(*net.TCPAddr).AddrPort() }

// Close stops the server, ends its connections, and waits for its goroutines.
func (s *Server) Close() error {
	s.mu.Lock()
	open := s.open
	s.open = nil
	s.mu.Unlock()
	if open == nil {
		return nil
	}
	err := errors.Join(s.tcp.Close(), s.udp.Close())
	for conn := range open {
		conn.Close()
	}
	s.wg.Wait()
	return err
}

func (s *Server) serveUDP() {
	buffer := make([]byte, krb5.MaxKDCReq+1)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || !from.Addr().IsLoopback() {
			continue
		}
		if reply := s.kdc.answerDatagram(buffer[:n], from.Addr()); reply != nil {
			_, _ = s.udp.WriteToUDPAddrPort(reply, from) // a client repeats its request if the answer is lost
		}
	}
}

// answerDatagram returns the answer to a request over UDP.
func (k *KDC) answerDatagram(request []byte, from netip.Addr) []byte {
	reply := k.Answer(request, from)
	if len(reply) > maxDatagram {
		return k.TooBig()
	}
	return reply
}

func (s *Server) serveTCP() {
	for {
		s.places <- struct{}{}
		conn, err := s.tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || !s.add(conn) {
			<-s.places
			continue
		}
		s.wg.Go(func() {
			defer func() { s.remove(conn); <-s.places }()
			if from := conn.RemoteAddr().(*net.TCPAddr).AddrPort(); from.Addr().IsLoopback() {
				_ = conn.SetDeadline(time.Now().Add(patience))
				s.kdc.serveStream(conn, from.Addr())
			}
		})
	}
}

// add stores a connection, so that Close can end it. After Close it closes the connection.
func (s *Server) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		conn.Close()
		return false
	}
	s.open[conn] = struct{}{}
	return true
}

func (s *Server) remove(conn net.Conn) {
	s.mu.Lock()
	delete(s.open, conn)
	s.mu.Unlock()
	conn.Close()
}

// serveStream answers one request over TCP, which follows its length in four bytes (RFC 4120,
// Section 7.2.2). As MIT's KDC does, it then closes the connection.
func (k *KDC) serveStream(conn io.ReadWriter, from netip.Addr) {
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	n := binary.BigEndian.Uint32(size[:])
	var reply []byte
	if n > krb5.MaxKDCReq { // this includes lengths with the reserved bit
		reply = k.TooLong()
	} else {
		request := make([]byte, n)
		if _, err := io.ReadFull(conn, request); err != nil {
			return
		}
		reply = k.Answer(request, from)
	}
	if reply != nil {
		_, _ = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(reply))), reply...))
	}
}
