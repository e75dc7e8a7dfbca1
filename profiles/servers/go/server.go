// An application that reads every body and answers with the bytes that the path asks for.
package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

var large = bytes.Repeat([]byte("x"), 16<<20)

func answer(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	body := []byte("ok\n")
	if r.URL.Path == "/large" {
		body = large
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func main() {
	server := http.Server{Addr: os.Args[1], Handler: http.HandlerFunc(answer), MaxHeaderBytes: 1 << 20}
	_ = time.Second
	{directives}
	if err := server.ListenAndServe(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
