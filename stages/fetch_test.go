package stages

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestFetchDatasets(t *testing.T) {
	list := Datasets()
	var names []string
	hexOf := func(n int) *regexp.Regexp { return regexp.MustCompile(fmt.Sprintf("^[0-9a-f]{%d}$", n)) }
	for _, d := range list {
		names = append(names, d.Name)
		if !strings.HasPrefix(d.URL, "https://") || !strings.Contains(d.URL, d.Commit) || !strings.HasSuffix(d.URL, "/"+d.File) {
			t.Errorf("%s: url %s", d.Name, d.URL)
		}
		if !hexOf(40).MatchString(d.GitBlob) || !hexOf(40).MatchString(d.Commit) {
			t.Errorf("%s: git blob %q, commit %q", d.Name, d.GitBlob, d.Commit)
		}
		if d.SHA256 != "" && (!hexOf(64).MatchString(d.SHA256) || d.Size <= 0) {
			t.Errorf("%s: sha256 %q, size %d", d.Name, d.SHA256, d.Size)
		}
		if d.Licence == "" || d.Allows == "" || d.About == "" || d.File != filepath.Base(d.File) {
			t.Errorf("%s: %+v", d.Name, d)
		}
	}
	if got := strings.Join(names, " "); got != "etth1 etth2 ettm1 ettm2" {
		t.Errorf("datasets %s", got)
	}
}

func TestFetchUnknownName(t *testing.T) {
	_, err := FetchDataset("eth1", "", t.TempDir(), nil)
	if err == nil || !strings.Contains(err.Error(), `did you mean "etth1"`) {
		t.Errorf("error %v", err)
	}
}

var fetchContent = bytes.Repeat([]byte("2016-07-01 00:00:00,5.827\n"), 4000)

// fetchKnown is a dataset of fetchContent whose size and sha256 are known; fetchBlobOnly one of which only the blob id is.
func fetchKnown(url string) Dataset {
	sum := sha256.Sum256(fetchContent)
	d := fetchBlobOnly(url)
	d.Size, d.SHA256 = int64(len(fetchContent)), hex.EncodeToString(sum[:])
	return d
}

func fetchBlobOnly(url string) Dataset {
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(fetchContent)), fetchContent...))
	return Dataset{Name: "toy", File: "toy.csv", URL: url, GitBlob: hex.EncodeToString(sum[:]),
		Licence: "CC BY-ND 4.0", Allows: "verbatim copies"}
}

// The blob id must be git's: `printf 'hello\n' | git hash-object --stdin`.
func TestFetchGitBlob(t *testing.T) {
	d := Dataset{GitBlob: "ce013625030ba8dba906f756967f9e9ca394464a"}
	how, err := d.verify([]byte("hello\n"))
	if err != nil || !strings.Contains(how, "sha256 is not known") {
		t.Errorf("%q, %v", how, err)
	}
	if _, err := d.verify([]byte("hello")); err == nil || !strings.Contains(err.Error(), d.GitBlob) {
		t.Errorf("wrong content: %v", err)
	}
}

func TestFetchFromFolder(t *testing.T) {
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "toy.csv"), fetchContent, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, d := range []Dataset{fetchKnown("https://unused.invalid"), fetchBlobOnly("https://unused.invalid")} {
		var said bytes.Buffer
		f := fetcher{say: &said}
		to := filepath.Join(t.TempDir(), "a", "data")
		path, err := f.fetch(d, from, to)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, fetchContent) {
			t.Fatalf("target: %d bytes, %v", len(got), err)
		}
		if !strings.Contains(said.String(), "licence CC BY-ND 4.0: verbatim copies") {
			t.Errorf("said %q", said.String())
		}
		if notKnown := strings.Contains(said.String(), "sha256 is not known here, so the git blob id "+d.GitBlob); notKnown != (d.SHA256 == "") {
			t.Errorf("sha256 %q, said %q", d.SHA256, said.String())
		}

		// The second time the target is left alone, whatever from holds.
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		said.Reset()
		if _, err := f.fetch(d, filepath.Join(from, "none"), to); err != nil {
			t.Fatal(err)
		}
		after, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if !os.SameFile(before, after) || !strings.Contains(said.String(), "is there already") {
			t.Errorf("touched, or said %q", said.String())
		}

		// A target that differs is kept, and both sums are named.
		wrong := bytes.Replace(fetchContent, []byte("5.827"), []byte("5.828"), 1)
		if err := os.WriteFile(path, wrong, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = f.fetch(d, from, to)
		want := d.SHA256
		if want == "" {
			want = d.GitBlob
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "expected") != 1 {
			t.Errorf("existing wrong target: %v", err)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, wrong) {
			t.Error("the wrong target was overwritten")
		}

		// So is a wrong source an error, and nothing is written.
		bad := t.TempDir()
		if err := os.WriteFile(filepath.Join(bad, "toy.csv"), wrong, 0o644); err != nil {
			t.Fatal(err)
		}
		empty := t.TempDir()
		if _, err := f.fetch(d, bad, empty); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("wrong source: %v", err)
		}
		if _, err := f.fetch(d, empty, empty); err == nil || !strings.Contains(err.Error(), filepath.Join(empty, "toy.csv")) {
			t.Errorf("missing source: %v", err)
		}
		wantOnly(t, empty)
	}
}

func TestFetchHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/toy.csv", func(w http.ResponseWriter, _ *http.Request) { w.Write(fetchContent) })
	mux.HandleFunc("/wrong.csv", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.ToUpper(append(fetchContent[:len(fetchContent)-2:len(fetchContent)-2], "x\n"...)))
	})
	mux.HandleFunc("/truncated.csv", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(fetchContent)))
		w.Write(fetchContent[:1000])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/short.csv", func(w http.ResponseWriter, _ *http.Request) { w.Write(fetchContent[:1000]) })
	mux.HandleFunc("/long.csv", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(fetchContent)
		w.Write(fetchContent)
	})
	mux.HandleFunc("/endless.csv", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(fetchContent); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/stalled.csv", func(w http.ResponseWriter, r *http.Request) {
		w.Write(fetchContent[:1000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/moved.csv", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/toy.csv", http.StatusFound)
	})
	mux.HandleFunc("/downgrade.csv", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+"/toy.csv", http.StatusFound)
	})
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	client := fetchClient(srv.Client().Transport)

	for _, c := range []struct {
		name, url string
		blobOnly  bool
		err       string // "" = must work
	}{
		{"whole", srv.URL + "/toy.csv", false, ""},
		{"blob only", srv.URL + "/toy.csv", true, ""},
		{"redirect to https", srv.URL + "/moved.csv", false, ""},
		{"redirect to http", srv.URL + "/downgrade.csv", false, "not https"},
		{"wrong checksum", srv.URL + "/wrong.csv", false, "sha256"},
		{"wrong blob id", srv.URL + "/wrong.csv", true, "git blob id"},
		{"truncated", srv.URL + "/truncated.csv", false, "broken off after 1000 bytes"},
		{"short", srv.URL + "/short.csv", false, "1000 bytes, sha256"},
		{"short, size not known", srv.URL + "/short.csv", true, "git blob id"},
		{"oversize", srv.URL + "/long.csv", false, "more than 104000 bytes"},
		{"endless", srv.URL + "/endless.csv", true, "more than 67108864 bytes"},
		{"stalled", srv.URL + "/stalled.csv", false, "no byte for 200ms"},
		{"not found", srv.URL + "/none.csv", false, `"404 Not Found"`},
		{"plain http", "http" + strings.TrimPrefix(srv.URL, "https") + "/toy.csv", false, "is not https"},
		{"offline", "https://127.0.0.1:1/toy.csv", false, "--from DIR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := fetchKnown(c.url)
			if c.blobOnly {
				d = fetchBlobOnly(c.url)
			}
			var done, total int64
			var said bytes.Buffer
			f := fetcher{client: client, stall: 10 * time.Second, say: &said, progress: func(d, t int64) { done, total = d, t }}
			if c.name == "stalled" {
				f.stall = 200 * time.Millisecond
			}
			to := t.TempDir()
			path, err := f.fetch(d, "", to)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				wantOnly(t, to)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, fetchContent) {
				t.Errorf("target: %d bytes, %v", len(got), err)
			}
			if n := int64(len(fetchContent)); done != n || (total != n && !c.blobOnly) {
				t.Errorf("progress ended at %d of %d", done, total)
			}
			if said.Len() == 0 {
				t.Error("said nothing")
			}
		})
	}
}
