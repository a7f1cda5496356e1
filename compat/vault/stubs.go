package main

import (
	"context"
	_ "unsafe" // for go:linkname

	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/vault"
)

// Vault 1.14.1 goes with a development version of its SDK, and the release that came four days later (0.9.2) refuses paths
// that may create something and do not say whether it exists. Two backends here have such paths: the system's, for what is
// Enterprise's and only answers so, and transit's `cache-config`. They are given an answer, so that every write to them
// is a creation; what else Vault does stays as it is.

//go:linkname entPaths github.com/hashicorp/vault/vault.entPaths
var entPaths func(*vault.SystemBackend) []*framework.Path

func init() {
	paths := entPaths
	entPaths = func(backend *vault.SystemBackend) []*framework.Path {
		return answering(paths(backend))
	}
}

func transitFactory(ctx context.Context, config *logical.BackendConfig) (logical.Backend, error) {
	backend, err := transit.Backend(ctx, config)
	if err != nil {
		return nil, err
	}
	answering(backend.Paths)
	return backend, backend.Setup(ctx, config)
}

func answering(paths []*framework.Path) []*framework.Path {
	for _, path := range paths {
		_, creates := path.Operations[logical.CreateOperation]
		if _, called := path.Callbacks[logical.CreateOperation]; (creates || called) && path.ExistenceCheck == nil {
			path.ExistenceCheck = func(context.Context, *logical.Request, *framework.FieldData) (bool, error) {
				return false, nil
			}
		}
	}
	return paths
}

// What is built in. Vault's own registry brings every cloud's and database's plugin along.
type builtins struct{}

func (builtins) factory(name string, kind consts.PluginType) (logical.Factory, bool) {
	switch {
	case name == "transit" && kind == consts.PluginTypeSecrets:
		return transitFactory, true
	case name == "approle" && kind == consts.PluginTypeCredential:
		return approle.Factory, true
	}
	return nil, false
}

func (known builtins) Contains(name string, kind consts.PluginType) bool {
	_, found := known.factory(name, kind)
	return found
}

func (known builtins) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory, found := known.factory(name, kind)
	return func() (interface{}, error) { return factory, nil }, found
}

func (known builtins) Keys(kind consts.PluginType) []string {
	if kind == consts.PluginTypeSecrets {
		return []string{"transit"}
	}
	return []string{"approle"}
}

func (known builtins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, known.Contains(name, kind)
}

func (builtins) IsBuiltinEntPlugin(string, consts.PluginType) bool {
	return false
}
