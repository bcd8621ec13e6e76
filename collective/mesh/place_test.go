package mesh

import (
	"net"
	"os"
	"testing"
)

func TestNoteIsPrivateAndWhole(t *testing.T) {
	j := &joining{Config: Config{Folder: t.TempDir()}, id: "i"}
	remove, err := j.publish(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(j.notePath())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if places, err := j.places(); err != nil || len(places) != 1 || places[0] != "127.0.0.1:4711" {
		t.Errorf("%q, %v", places, err)
	}
	later := &joining{Config: j.Config, id: "later"}
	if _, err := later.publish(&net.TCPAddr{IP: net.IPv6zero, Port: 4712}); err != nil {
		t.Fatal(err)
	}
	remove() // not the later one
	if places, err := j.places(); err != nil || port(places[0]) != "4712" {
		t.Errorf("%q, %v", places, err)
	}
	if list, _ := os.ReadDir(j.Folder); len(list) != 1 {
		t.Errorf("in the folder: %v", list)
	}
}

func TestPick(t *testing.T) {
	ours := addresses()
	var loopback string
	for _, a := range ours {
		if a.ip.String() == "127.0.0.1" {
			loopback = a.name
		}
	}
	if loopback == "" {
		t.Skip("this host has no 127.0.0.1")
	}
	for wanted, want := range map[string]string{
		"":                              "",
		loopback:                        "127.0.0.1",
		"127.0.0.1":                     "127.0.0.1",
		"::ffff:127.0.0.1":              "127.0.0.1",
		"127.0.0.0/8":                   "127.0.0.1",
		"nonesuch0, 127.0.0.1":          "127.0.0.1",
		"203.0.113.0/24,127.0.0.0/8,::": "127.0.0.1",
	} {
		if got, err := pick(wanted); got != want || err != nil {
			t.Errorf("pick(%q) is %q, %v, want %q", wanted, got, err, want)
		}
	}
	_, err := pick("nonesuch0,203.0.113.7")
	wantError(t, err, `"nonesuch0,203.0.113.7"`, "DEEPRC_INTERFACE", loopback+" 127.0.0.1")
	if len(ours) > 1 && !ours[len(ours)-1].ip.IsLoopback() {
		t.Errorf("loopback addresses are not the last of %v", ours)
	}
}
