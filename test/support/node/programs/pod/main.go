// The one program of the e2e node's own small image. Without arguments it is what keeps a Pod's namespaces alive: it
// waits to be told to end. With `serve` and `fetch` it is a Pod to try the node with: one that answers HTTP with its
// host name, and one that asks and prints the answer.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 1 {
		wait(ctx)
		return
	}
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		err = serve(ctx, os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "fetch":
		err = fetch(ctx, os.Args[2])
	default:
		err = fmt.Errorf("usage: pod [serve ADDRESS | fetch URL]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address string) error {
	server := &http.Server{Addr: address, Handler: http.HandlerFunc(answer)}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func fetch(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

func answer(response http.ResponseWriter, _ *http.Request) {
	name, _ := os.Hostname()
	fmt.Fprintln(response, name)
}

// In a Pod whose containers share one process namespace it is the first process, to which orphans fall.
func wait(ctx context.Context) {
	ended := make(chan os.Signal, 16)
	signal.Notify(ended, syscall.SIGCHLD)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
			for pid := 1; pid > 0; {
				pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			}
		}
	}
}
