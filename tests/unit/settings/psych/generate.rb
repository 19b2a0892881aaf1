# Writes cases.json: YAML texts, and what Ruby's Psych makes of each. It was run with Psych 4.0.3 (Ruby 3.1, libyaml 0.2.5):
#
#   apt-get install ruby && ruby generate.rb > cases.json
#
# Psych loads them as the smart proxy does, with dates, times and aliases allowed beside symbols, as older Rubies have it.
# A value is written as JSON; what JSON does not know is an object with one key: float, symbol, date, time (seconds since
# the epoch), map (a list of pairs). A text that Psych refuses has "error" instead.
require 'date'
require 'json'
require 'psych'

SCALARS = %w[
  yes Yes YES no No NO on On ON off Off OFF true True TRUE false False FALSE y Y n N t f null Null NULL ~ nil Nil none
  tRuE yEs oFf nuLL
  0 00 7 08 010 0100 017 0o17 0O17 0777 -010 +010 0b101 0b2 -0b11 0x1F 0xfF -0xff 0xg 1_000 1__0 1_ _1 1,000 1,00,0 ,1 0_ 0,1
  12345678901234567890 +5 -5 +-5 5- 0b1_0 0x_f
  1.5 -1.5 +1.5 1. .5 -.5 . .. ... +. -. 1.5e3 1.5e+3 1.5E-3 1e3 1e+3 1E3 1.e+3 .e+3 1_000.5 1,000.5 1.5.5 1.2_3 .inf .INF -.inf
  +.inf .nan .NaN .NAN inf nan 1._5
  1:30 12:30 12:30:45 1:60 1:5 0:0 -1:30 +1:30 1_0:30 190:20:30 1:30.5 12:30:45.5 1:2:3:4 01:02 23:59:59 1:30. 8:8008 1:1_0
  2024-01-05 2024-1-5 2024-02-30 2024-13-01 2024-01-32 24-01-05 -2024-01-05 2024-01-05x
  2001-12-14t21:59:43.10-05:00 2001-12-14T21:59:43Z 2001-12-14T21:59:43 2001-12-14T21:59:43+0530 2001-12-14T21:59:43-5
  2001-12-14T25:00:00 2001-12-14T24:00:00 2001-12-14T21:59:60Z 2001-02-30T00:00:00Z 2001-13-01T00:00:00Z
  2001-12-14T21:59:43.Z 2001-12-14T21:59:43.123456789Z 2001-12-14T21:59:43-00:30 2001-12-14T21:59:43+25:00
  :a :a.b :a-b :1 :: ::1 ::a : :"a" :"a"b :'a' :"a :":a" :_a :A :a? :a: :8443 :/var/tmp :true :nil
  a a:b a:1 http://h:80/ 127.0.0.1 ::1 fe80::1 localhost:8008 /var/tmp ~/x ~root @x %x &x !x <<
  *x = == => - -- --- -a -1a 1a a1 <%=x%> $HOME #{x} \n a\nb [] {} "" '' "a" 'a' "1" '1' ":a" ':a' "yes" 'no' "~" "\x41" "\u00e9"
  'it''s' "a\nb" "\t" ünïcödé é :é １ ² 1é é1
].freeze

PHRASES = [
  'a b', 'yes b', '1 2', '12:30 45', '2001-12-14 21:59:43.10', '2001-12-14 21:59:43.10 -5', '2001-12-14  21:59:43 Z',
  '2001-1-1 1:02:03', ': a', ':a b', ':"a b"', ":'a b' c", '- a', '? a', '# a', 'a # b', 'a #b', 'a#b', 'a: b', '<%= x %>',
  '<%= ENV["X"] || 1 %>', '{a: 1}', '{a: 1, :b: :c}', '[1, :a, "b", ~]', '[1:30, 010]', '{"a":1}', '{a:1}', '[a:b]', '{:a}',
  '[a, [b, {c: d}]]', '! 12', '!!str 12', '!!str yes', '!!int "12"', '!!int "010"', '!!int a', '!!float 1', '!!float "1.5"',
  '!!bool "yes"', '!!bool yes', '!!null ""', '!!null x', '!foo 12', '!foo bar', '!foo [1]', '!foo {a: 1}', '!!seq [1]',
  '!!map {a: 1}', '!ruby/symbol a', '!ruby/sym a', '!ruby/symbol "a b"', "!ruby/sym 'yes'", '!ruby/symbol :a', '!ruby/symbol 12',
  '!ruby/string a', '!str 12', '!ruby/object:Hash {a: 1}', '&x 12', '&x [1]', "'a\n\n  b'",
].freeze

REFUSED_TAGS = [
  '!ruby/object:Object {}', '!ruby/object:OpenStruct {a: 1}', '!ruby/object {}', '!ruby/struct:Foo {a: 1}', '!ruby/struct {a: 1}',
  '!ruby/regexp /a/', '!ruby/range 1..2', '!ruby/range {begin: 1, end: 2, excl: false}', '!ruby/class String', '!ruby/module Kernel',
  '!ruby/exception:StandardError {message: a}', '!ruby/hash:Foo {a: 1}', '!map:Foo {a: 1}', '!ruby/array:Foo [1]', '!seq:Foo [1]',
  '!ruby/string:Foo a', '!str:Foo a', '!!set {a, b}', '!ruby/object:BigDecimal 1', '!ruby/object:Complex 1', '!ruby/object:Rational 1/2',
  '!ruby/object:DateTime 2001-12-14', '!ruby/marshalable:Foo {a: 1}', '!ruby/object:Set {hash: {}}', '!!omap {a: 1}',
].freeze

# Psych takes these, and nobody needs them in settings
REFUSED_HERE = [
  '!binary aGVsbG8=', '!!binary aGVsbG8=', '!!omap [a: 1]', '!ruby/encoding UTF-8', '&a [*a]', '&a {b: *a}', '{[1]: a}', '{{a: 1}: b}', "\n  ? [a, b]\n  : c",
].freeze

DOCUMENTS = [
  '', '---', "---\n", "--- ~\n", "# nothing\n", "---\n# nothing\n", "--- a\n", "--- [1, 2]\n", "---\n...\n", "--- 1\n--- 2\n",
  "a: 1\n--- [\n", "a: 1\n...\nb: 2\n", "%YAML 1.1\n---\na: 1\n", "%YAML 1.2\n---\na: yes\n", "\uFEFFa: 1\n",
  "a: 1\r\nb: yes\r\n:c: :d\r\n", "a: |\r\n  x\r\n  y\r\n", "a: 1\rb: 2\r",
  ":a: 1\n", ":a: :b\n", ":a : 1\n", ":a:1\n", ":a:b: 1\n", "\":a\": 1\n", "':a': ':b'\n", ":\"a b\": 1\n", ":'a': 1\n", "a: :b\n", "a::b: 1\n",
  ":a:\n  :b: 1\n  c: :d\n", ":a:\n- :b\n- c\n", ":a:\n  - b\n  -\n  - ~\n", "a:\n", "a: \n", "a: ~\n", "a: null\n", "a: ''\n", "a: \"\"\n",
  "a: !!null\n", "? a\n: b\n", "? a\n", "1: a\n", "1.5: a\n", "~: a\n", "yes: a\n", "? \n: a\n", "2024-01-05: a\n",
  "a: 1\na: 2\n", "a: 1\n:a: 2\n", ":a: 1\n:a: 2\n", "yes: 1\ntrue: 2\n",
  "a: |\n  x\n  y\n", "a: |-\n  x\n", "a: |+\n  x\n\n", "a: >\n  x\n  y\n\n  z\n", "a: >-\n  x\n  y\n", "a: |2\n    x\n", "a: |\n  yes\n", "a: >-\n  12\n",
  "a: x\n  y\n", "a: x\n\n  y\n", "a: no\n\n  no\n", "a: yes\n\n  b\n", "a: 1\n  2\n", "a: \"x\n  y\"\n", "a: \"x\\\n  y\"\n", "a: 'x\n\n  y'\n",
  "a: &x 1\nb: *x\n", "a: &x [1, 2]\nb: *x\n", "a: &x {c: 1}\nb: *x\n", "a: *x\n", "a: *x\nb: &x 1\n", "a: &x 1\nb: &x 2\nc: *x\n",
  "a: &x :s\nb: *x\n", "a: &x\nb: *x\n", "&x a: 1\nb: *x\n", "&k a: 1\n*k : 2\n", "a: &x \"yes\"\nb: *x\n",
  "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n", "x: &x {a: 1, b: 2}\ny:\n  b: 3\n  <<: *x\n", "x: &x {a: 1}\nz: &z {a: 2, c: 3}\ny:\n  <<: [*x, *z]\n",
  "x: &x {a: 1}\n<<: *x\nb: 2\n", "<<: {a: 1}\nb: 2\n", "<<: 1\n", "<<: [1]\n", "<<: [{a: 1}, 2]\n", "<<: []\n", "\"<<\": {a: 1}\n", "!!str <<: {a: 1}\n",
  "<<: ~\n", "x: &x [1]\ny: {<<: *x}\n", "x: &x 1\n<<: *x\n", "x: &x {a: 1}\n<<: *x\n<<: {a: 2}\n", ":<<: {a: 1}\n",
  "a: [1, 2\n", "a: {b: 1\n", "a: \"x\n", "a: 'x\n", "a: b: c\n", "- a\nb: c\n", "a: 1\n b: 2\n", "a\n  b: 1\n", "\ta: 1\n", "a:\t1\n", "a:\n\t- b\n", "a: @x\n",
  "a: `x\n", "a: %x\n", "a: x%\n", "a: *\n", "a: &\n", "a: !\n", "a: ! b\n", "a: ]\n", "a: }\n", "a: ,b\n", "a: \"\\q\"\n", "a: \"\\x4\"\n", "a: - b\n", "a: ? b\n",
  "a: \x01\n", "a: \"\\0\"\n", "a: \u0085b\n", "a: \u2028b\n", "a: \u{1F600}\n", "a: [<%= x %>]\n", "<% if x %>\na: 1\n<% end %>\n", "a: <%= x %>\n<%# b %>\n",
  "<%= x %>: 1\n", "a: x <%= y %> z\n", "- a\n- :b\n", "- - a\n  - b\n- c: d\n  e: f\n", "a:\n  b:\n    c: 1\n", "a:    1   # x\n", "a: '#x' #y\n", "a: x#y\n",
  "a: {b: [c, {d: e}], f: ~}\n", "a: [\n  1,\n  2,\n]\n", "a: {\n  b: 1,\n}\n", "a: [,]\n", "a: [1,,2]\n", "a: [ ]\n", "a: {b, c: 1}\n",
  "a: [b: 1, c]\n", "a: !ruby/symbol\n", "a: !ruby/sym ~\n", "a: !!str\n", "a: !!str ~\n", "!ruby/symbol a: 1\n", "!!str 1: 2\n", "--- !ruby/object:Hash\na: 1\n", "--- !foo\na: 1\n",
  "a: !<tag:yaml.org,2002:str> 1\n", "%TAG ! tag:x,1:\n---\na: !y 1\n", "a: !e!x 1\n", "a: !!int ''\n", "a: !!float ''\n", "a: !!float x\n", "a: !!float inf\n", "a: !!float 1e3\n", "a: !!float 010\n", "a: !!float yes\n", "a: !!float ~\n",
].freeze

# Scalars that nobody thought of, always the same ones
PIECES = %w[0 1 2 8 9 60 2024 a b e E x o n y on no yes off true : :: - -- + . , _ ~ / @ = % < > & * ! # ' " \\ T Z t é inf nan null 0x 0b 0o].freeze
RANDOM = Random.new(20_261)
GUESSED = Array.new(2500) { Array.new(1 + RANDOM.rand(5)) { PIECES.sample(random: RANDOM) }.join }.uniq.freeze

def encode(value)
  case value
  when nil, true, false, Integer, String then value
  when Float then { float: value.to_s }
  when Symbol then { symbol: value.to_s }
  when Time then { time: value.to_r.to_s }
  when Date then { date: value.to_s }
  when Array then value.map { |each| encode(each) }
  when Hash then { map: value.map { |key, each| [encode(key), encode(each)] } }
  else raise "what is a #{value.class}?"
  end
end

def result(text)
  { text: text, value: encode(Psych.load(text, permitted_classes: [Symbol, Date, Time], aliases: true)) }
rescue Psych::Exception, ArgumentError, TypeError, FloatDomainError => e
  { text: text, error: e.class.name }
end

def lines(list)
  "[\n#{list.map { |each| JSON.generate(each, script_safe: true) }.join(",\n")}\n]"
end

scalars = (SCALARS + PHRASES + GUESSED).map { |each| "v: #{each}\n" } + SCALARS.reject { |each| %w([] {}).include?(each) }.map { |each| "#{each}: v\n" } + SCALARS.map { |each| "v: [#{each}]\n" }
puts "{\"alike\": #{lines((DOCUMENTS + scalars).uniq.map { |text| result(text) })},"
puts "\"refused\": #{lines((REFUSED_TAGS + REFUSED_HERE).map { |each| "v: #{each}\n" })}}"
