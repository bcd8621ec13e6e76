package mesh

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"
)

// A frame is one byte of kind, four of the body's length, big endian, and the body.
const (
	headerBytes = 5
	maxBody     = 16 << 20
	maxHello    = 64 << 10 // of a frame from a process that has not proved anything, or that should be short
)

// Kinds of the mesh's own frames; those below are the caller's.
const (
	kindOwn     byte = 240 + iota
	kindHello        // hello
	kindWelcome      // welcome, or nothing
	kindRefusal      // why
	kindTable        // table, of rank 0
	kindReady        // to rank 0: all connections stand
	kindGo           // of rank 0: all ranks are ready
	kindFailed       // why the world does not come together
	kindPulse        // a heartbeat
	kindBye          // the last frame: this process closes
)

func appendFrame(b []byte, kind byte, body []byte) []byte {
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// readFrame reads one frame whose body is at most limit bytes long, and nothing behind it.
// It returns io.EOF only at a frame's border.
func readFrame(r io.Reader, limit int) (kind byte, body []byte, err error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(header[1:])
	if uint64(n) > uint64(limit) {
		return 0, nil, fmt.Errorf("a frame of %d bytes, more than the %d allowed", n, limit)
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return header[0], body, nil
}

// writeFrame writes one frame within a time.
func writeFrame(conn net.Conn, kind byte, body []byte, within time.Duration) error {
	if err := conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	_, err := conn.Write(appendFrame(make([]byte, 0, headerBytes+len(body)), kind, body))
	return err
}

// farewell writes a last frame and closes the connection when the other end has, or a second later: closed at once, with
// something of the other end unread, it could be reset before that frame arrives.
func farewell(conn net.Conn, kind byte, body []byte) {
	defer conn.Close()
	if writeFrame(conn, kind, body, time.Second) != nil {
		return
	}
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
	conn.SetReadDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, conn)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and integers cannot fail
	}
	return b
}
