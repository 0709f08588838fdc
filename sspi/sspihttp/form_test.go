package sspihttp_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"os"
	"testing"

	"github.com/gosspi/kerberos/sspi"
	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
)

// TestWrap_FormFiles checks that the files of a form are removed at the end of the request,
// as without the middleware, whichever handler parsed the form.
func TestWrap_FormFiles(t *testing.T) {
	parse := func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
		}
		if files, err := os.ReadDir(os.TempDir()); err != nil || len(files) != 1 {
			t.Errorf("%d files while the handler has the request, %v", len(files), err)
		}
	}
	denied := func(*http.Request, *sspi.Peer) error { return sspihttp.ErrFallback }
	for name, change := range map[string]func(*sspihttp.Config){
		"the handler": func(*sspihttp.Config) {},
		"Fallback":    func(cfg *sspihttp.Config) { cfg.Authorize, cfg.Fallback = denied, http.HandlerFunc(parse) },
		"Page": func(cfg *sspihttp.Config) {
			cfg.Authorize = denied
			cfg.Page = func(w http.ResponseWriter, r *http.Request, _ int) { parse(w, r) }
		},
		"without the middleware": nil,
	} {
		dir := t.TempDir()
		t.Setenv("TMPDIR", dir)
		t.Setenv("TMP", dir) // for Windows
		s := build(t, change)
		if s.srv.Config.Handler = http.HandlerFunc(parse); change != nil {
			s.srv.Config.Handler = s.m.Wrap(http.HandlerFunc(parse))
		}
		s.srv.Start()
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		file, err := m.CreateFormFile("f", "f")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.Write(make([]byte, 11<<20)) // more than net/http keeps in memory
		m.Close()
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.srv.URL, &body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", m.FormDataContentType())
		r.Header.Set("Authorization", s.login(t, "alice", sspitest.Options{}))
		res, err := s.srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		read(t, res).check(t, name, 200, "")
		s.srv.Close() // waits until the connection is closed
		if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
			t.Errorf("%s: %d files remain, %v", name, len(left), err)
		}
	}
}
