package commands

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// scriptChunk is what error messages call a script.
const scriptChunk = "user_script"

// syntaxLevels bounds how deep a script's constructs may be nested: compiling recurses.
const syntaxLevels = 2000

// luaText is the name, which no script can write, of the function that makes text of numbers where a script concatenates them.
const luaText = "\x00text"

var errTooDeep = errors.New("chunk has too many syntax levels")

// compileLua compiles a text. The errors are worded as Lua's, as far as they can be.
func compileLua(text []byte, chunk string) (*lua.FunctionProto, error) {
	block, err := parse.Parse(bytes.NewReader(text), chunk)
	if err != nil {
		return nil, syntaxError(err, chunk)
	}
	if err := adapt(reflect.ValueOf(block), 0); err != nil {
		return nil, fmt.Errorf("%s:1: %w", chunk, err)
	}
	proto, err := lua.Compile(block, chunk)
	if err != nil {
		return nil, compileError(err, chunk)
	}
	return proto, nil
}

// syntaxError words an error of the parser.
func syntaxError(err error, chunk string) error {
	var e *parse.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s:1: %w", chunk, err)
	}
	switch {
	case e.Pos.Line == parse.EOF || e.Token == "" && e.Message == "syntax error":
		return fmt.Errorf("%s:%d: unexpected symbol near '<eof>'", chunk, max(e.Pos.Line, 1))
	case e.Message == "unterminated string":
		return fmt.Errorf("%s:%d: unfinished string near '<eof>'", chunk, e.Pos.Line)
	case e.Message == "syntax error":
		return fmt.Errorf("%s:%d: unexpected symbol near '%s'", chunk, e.Pos.Line, e.Token)
	default:
		return fmt.Errorf("%s:%d: %s near '%s'", chunk, e.Pos.Line, e.Message, e.Token)
	}
}

// compileError words an error of the compiler.
func compileError(err error, chunk string) error {
	var e *lua.CompileError
	if errors.As(err, &e) {
		return fmt.Errorf("%s:%d: %s", chunk, e.Line, e.Message)
	}
	return fmt.Errorf("%s:1: %s", chunk, strings.TrimSpace(err.Error()))
}

// adapt bounds the depth of a syntax tree, and has numbers that are concatenated become text as in Lua ("%.14g").
func adapt(v reflect.Value, depth int) error {
	if depth > 4*syntaxLevels {
		return errTooDeep
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if e, ok := v.Interface().(*ast.StringConcatOpExpr); ok && v.Kind() == reflect.Pointer {
			e.Lhs, e.Rhs = textOf(e.Lhs), textOf(e.Rhs)
		}
		return adapt(v.Elem(), depth+1)
	case reflect.Slice:
		for i := range v.Len() {
			if err := adapt(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			if err := adapt(v.Field(i), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// textOf wraps an operand of a concatenation that may be a number.
func textOf(e ast.Expr) ast.Expr {
	switch e.(type) {
	case *ast.StringExpr, *ast.StringConcatOpExpr:
		return e
	}
	name := &ast.IdentExpr{Value: luaText}
	name.SetLine(e.Line())
	call := &ast.FuncCallExpr{Func: name, Args: []ast.Expr{e}, AdjustRet: true}
	call.SetLine(e.Line())
	call.SetLastLine(e.Line())
	return call
}
