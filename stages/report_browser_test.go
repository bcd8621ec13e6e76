package stages

import (
	"context"
	"encoding/json"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// browser runs a headless Chromium on a page; what it prints, and the console's lines in it.
func browser(t *testing.T, page string, args ...string) (out, console string) {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		t.Skip("there is no Chromium here: make deps-slurm installs Debian's")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir()}, append(args, "file://"+page)...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, stderr.String())
	}
	for _, line := range strings.Split(stderr.String(), "\n") {
		if strings.Contains(line, ":CONSOLE") {
			console += line + "\n"
		}
	}
	return string(text), console
}

// requests are the addresses in a net log that a page has asked for; the browser's own have no origin.
func requests(t *testing.T, path string) (urls []string) {
	t.Helper()
	var log struct {
		Events []struct {
			Params struct {
				URL       string `json:"url"`
				Initiator string `json:"initiator"`
			} `json:"params"`
		} `json:"events"`
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &log)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range log.Events {
		if u, by := e.Params.URL, e.Params.Initiator; u != "" && by != "" && by != "not an origin" {
			urls = append(urls, u)
		}
	}
	return urls
}

// The page of Deep RC's run opens in a browser: eleven bars and rows, nothing on the console, nothing asked of any server.
func TestPageInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("trains eleven nets")
	}
	// The browser's console and requests are seen, where there are any.
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	bad := filepath.Join(t.TempDir(), "bad.html")
	if err := os.WriteFile(bad, []byte(`<img src="`+server.URL+`/x.png"><script>console.error("oh no")</script>`), 0o666); err != nil {
		t.Fatal(err)
	}
	net := filepath.Join(t.TempDir(), "net.json")
	if _, console := browser(t, bad, "--dump-dom", "--log-net-log="+net); !strings.Contains(console, "oh no") || asked.Load() == 0 || len(requests(t, net)) == 0 {
		t.Fatalf("console %q, %d requests, %q: a page's errors are not seen", console, asked.Load(), requests(t, net))
	}

	cfg, err := LoadConfig("../inputs/deeprc11.toml", []string{"train.steps=10", "run.dir=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	dir := mustRun(t, 4, cfg).Dir
	page := filepath.Join(dir, reportFile)
	dom, console := browser(t, page, "--dump-dom", "--log-net-log="+net)
	if console != "" {
		t.Errorf("console: %s", console)
	}
	if urls := requests(t, net); len(urls) > 0 {
		t.Errorf("the page asks for %q", urls)
	}
	if rows, bars := strings.Count(dom, `<g class="row">`), strings.Count(dom, `<rect class="bar train"`); rows != 4 || bars != 11 {
		t.Errorf("%d rows and %d bars of trainings in the Gantt, want 4 and 11", rows, bars)
	}
	_, table, _ := strings.Cut(dom, `<section id="comparison">`)
	table, _, _ = strings.Cut(table, "</section>")
	for _, m := range cfg.Models {
		if n := strings.Count(table, "<td>"+m.Name+"</td>"); n != 1 {
			t.Errorf("%d rows of %s in the table of models", n, m.Name)
		}
	}

	shot := filepath.Join(t.TempDir(), "page.png")
	browser(t, page, "--screenshot="+shot, "--window-size=1100,2400")
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	image, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	blue := 0 // of the trainings' bars
	for y := range image.Bounds().Dy() {
		for x := range image.Bounds().Dx() {
			if r, g, b, _ := image.At(x, y).RGBA(); r>>8 == 0 && g>>8 == 0x72 && b>>8 == 0xb2 {
				blue++
			}
		}
	}
	if blue < 5000 {
		t.Errorf("%d points of trainings' bars in the picture", blue)
	}
}
