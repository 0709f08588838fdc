package sspihttp_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gosspi/kerberos/sspi/sspihttp"
	"github.com/gosspi/kerberos/sspi/sspitest"
	"github.com/gosspi/kerberos/status"
)

// TestPARSE_20_CutToken checks that the server refuses a truncated token at once, because
// the header field delimits the token, and that the error says so.
func TestPARSE_20_CutToken(t *testing.T) {
	s := build(t, nil)
	token, _, err := s.client(t, "alice", sspitest.Options{SPNEGO: true}).Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	handler := s.m.Wrap(http.HandlerFunc(greet))
	for _, n := range []int{1, 2, 10, len(token) / 2, len(token) - 1} {
		r := httptest.NewRequest(http.MethodGet, "http://www.example.com/", nil)
		r = r.WithContext(s.m.ConnContext(context.Background(), nil))
		r.Header.Set("Authorization", "Negotiate "+base64.StdEncoding.EncodeToString(token[:n]))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		res := s.last(t)
		if w.Code == http.StatusOK || res.Outcome != sspihttp.Refused || status.ReasonOf(res.Err) != status.ReasonMalformedToken || !strings.Contains(res.Err.Error(), "SPNEGO token") {
			t.Errorf("%d bytes of %d: %d, %v, %v", n, len(token), w.Code, res.Outcome, res.Err)
		}
	}
}
