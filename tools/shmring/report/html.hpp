// HTML text: the one function that escapes, and the one that fills in templates.
//
// Invariant: a Markup is made by html() alone, and html() escapes each argument that is not a Markup itself. So no text of a
// log reaches a page in any other way. A template is a literal; the rule `pages` of tests/tidy finds tags in any other one.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace shmring::tool {

// Returns the text as it may stand in an element or in a quoted attribute. What may stand in no HTML (controls, and bytes that
// are not UTF-8) becomes U+FFFD.
std::string escape(std::string_view text);

class Markup;

// What stands in a template for an argument: markup and numbers as they are, all else escaped.
template <class A>
auto filled_in(const A& argument) {
  if constexpr (std::is_same_v<A, Markup>) {
    return std::string_view(argument.text());
  } else if constexpr (std::is_convertible_v<const A&, std::string_view>) {
    return escape(argument);
  } else {
    static_assert(std::is_arithmetic_v<A> && !std::is_same_v<A, char>, "expected Markup, a text or a number");
    return argument;
  }
}
template <class... A>
using Template = fmt::format_string<decltype(filled_in(std::declval<const A&>()))...>;

// HTML that is whole.
class Markup {
 public:
  Markup() = default;
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  Markup& operator+=(const Markup& other) {
    text_ += other.text_;
    return *this;
  }

 private:
  template <class... A>
  friend Markup html(Template<A...> form, const A&... arguments);
  std::string text_;
};

// Fills in a template, in the syntax of fmt.
template <class... A>
Markup html(Template<A...> form, const A&... arguments) {
  Markup out;
  out.text_ = fmt::vformat(fmt::string_view(form), fmt::make_format_args(filled_in(arguments)...));
  return out;
}

}  // namespace shmring::tool
