// A real Vault of the parts that the key management tests need: its core, its HTTP API, the transit engine, AppRole and
// token logins, on a store in memory. The whole command compiles all clouds' and databases' plugins; this is the same
// server without them. It starts uninitialised, as a new Vault does, and tells its address in its first line.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/builtin/credential/approle"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr})
	store, err := inmem.NewInmem(nil, log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := "http://" + listener.Addr().String()
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           store,
		RedirectAddr:       address,
		DisableMlock:       true,
		LogicalBackends:    map[string]logical.Factory{"transit": transitFactory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory},
		BuiltinRegistry:    builtins{},
		Logger:             log,
	})
	if err != nil {
		return err
	}
	fmt.Println(address)
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core})
	return http.Serve(listener, handler)
}
