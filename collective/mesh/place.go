package mesh

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// interfaceAddress is one address of this host.
type interfaceAddress struct {
	name string
	ip   netip.Addr // without a zone
}

// addresses is this host's: of interfaces that are up, those that other hosts may reach first.
func addresses() (list []interfaceAddress) {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var local []interfaceAddress
	for _, i := range all {
		as, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, a := range as {
			p, err := netip.ParsePrefix(a.String())
			if err != nil || p.Addr().IsLinkLocalUnicast() {
				continue
			}
			ip := interfaceAddress{i.Name, p.Addr().Unmap()}
			if ip.ip.IsLoopback() {
				local = append(local, ip)
			} else {
				list = append(list, ip)
			}
		}
	}
	return append(list, local...)
}

// pick is the own address that wanted names ([Config.Interface]); "" for "".
func pick(wanted string) (string, error) {
	if wanted == "" {
		return "", nil
	}
	ours := addresses()
	for _, w := range strings.Split(wanted, ",") {
		w = strings.TrimSpace(w)
		ip, ipErr := netip.ParseAddr(w)
		network, netErr := netip.ParsePrefix(w)
		for _, a := range ours {
			if a.name == w || ipErr == nil && a.ip == ip.Unmap() || netErr == nil && network.Contains(a.ip) {
				return a.ip.String(), nil
			}
		}
	}
	var have []string
	for _, a := range ours {
		have = append(have, a.name+" "+a.ip.String())
	}
	return "", fmt.Errorf("the network interface %q (DEEPRC_INTERFACE or GLOO_SOCKET_IFNAME): host %s has no interface of that name, no such IP address and none in such a network, that is up; it has %s", wanted, hostName(), strings.Join(have, ", "))
}

// loneAddress is the address of a world of one rank.
func (j *joining) loneAddress() string {
	if j.own != "" {
		return j.own
	}
	return "127.0.0.1"
}

// noteTime is how often rank 0 looks whether its note is still there.
const noteTime = time.Second

// note is the file in which rank 0 tells where it listens.
type note struct {
	Addresses []string // host:port each, to be tried in order
	Host      string
	Pid       int
	ID        string // hello.ID of rank 0
}

// noteBytes bounds the file.
const noteBytes = 64 << 10

func (j *joining) notePath() string {
	h := sha256.Sum256(j.secret)
	return filepath.Join(j.Folder, "deeprc-rank0-"+hex.EncodeToString(h[:6])+".json")
}

// publish writes the note, whole or not at all; remove takes it away if it is still this process's.
func (j *joining) publish(at *net.TCPAddr) (remove func(), err error) {
	n := note{Host: hostName(), Pid: os.Getpid(), ID: j.id}
	if at.IP.IsUnspecified() {
		for _, a := range addresses() {
			n.Addresses = append(n.Addresses, net.JoinHostPort(a.ip.String(), strconv.Itoa(at.Port)))
		}
	} else {
		n.Addresses = []string{at.String()}
	}
	fail := func(err error) (func(), error) {
		return nil, fmt.Errorf("rank 0 (host %s) cannot write where the ranks meet: %w; DEEPRC_RENDEZVOUS must name a folder that this user can write to", hostName(), err)
	}
	if err := os.MkdirAll(j.Folder, 0o700); err != nil {
		return fail(err)
	}
	text, path := mustJSON(n), j.notePath()
	f, err := os.CreateTemp(j.Folder, ".deeprc-rank0-*") // mode 0600
	if err != nil {
		return fail(err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fail(err)
	}
	return func() {
		if now, err := os.ReadFile(path); err == nil && string(now) == string(text) {
			os.Remove(path)
		}
	}, nil
}

// usurper is what another process has written over this one's note.
func (j *joining) usurper() (note, bool) {
	if j.Folder == "" {
		return note{}, false
	}
	n, err := j.readNote()
	return n, err == nil && n.ID != j.id
}

// places is where rank 0 may be reached. The file of an earlier run leads to nobody, or to a process with another key: then
// it is read again.
func (j *joining) places() ([]string, error) {
	if j.Folder == "" {
		return []string{j.Address}, nil
	}
	n, err := j.readNote()
	return n.Addresses, err
}

func (j *joining) readNote() (note, error) {
	path := j.notePath()
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return note{}, fmt.Errorf("%s is not there: rank 0 has not started, or has another DEEPRC_KEY or another job's, or the folder is not shared between the hosts", path)
	}
	if err != nil {
		return note{}, err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() || !info.Mode().IsRegular() || info.Size() > noteBytes {
		return note{}, fmt.Errorf("%s is not a file of this user's deeprc: remove it, or use a folder of your own", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return note{}, err
	}
	n, err := decodeNote(b)
	if err != nil {
		return note{}, fmt.Errorf("%s: %w; remove it if no run uses it", path, err)
	}
	return n, nil
}

// decodeNote reads a note, and believes nothing.
func decodeNote(b []byte) (note, error) {
	var n note
	if err := json.Unmarshal(b, &n); err != nil {
		return note{}, fmt.Errorf("not the address of rank 0: %w", err)
	}
	for _, a := range n.Addresses {
		if _, err := netip.ParseAddrPort(a); err != nil {
			return note{}, fmt.Errorf("not the address of rank 0: %q", printable(a))
		}
	}
	if len(n.Addresses) == 0 {
		return note{}, errors.New("not the address of rank 0: there is none in it")
	}
	return n, nil
}
