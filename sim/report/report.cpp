#include "tessera/report/report.hpp"

#include <boost/json/serialize.hpp>
#include <string_view>

#include "sim/report/page_data.hpp"
#include "sim/report/web_assets.hpp"
#include "tessera/study/sha256.hpp"

namespace tessera {
namespace {

// "<" would end the element that holds the data.
std::string safe_in_html(std::string text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

void replace(std::string& page, std::string_view place, std::string_view text) {
  const std::size_t at = page.find(place);
  page.replace(at, place.size(), text);
}

int value_of_digit(char digit) {
  return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

// RFC 4648, of bytes given in hexadecimal.
std::string base64_of(const std::string& digits) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  unsigned bits = 0;
  int held = 0;
  for (const char digit : digits) {
    bits = (bits << 4U) | static_cast<unsigned>(value_of_digit(digit));
    held += 4;
    if (held >= 6) {
      held -= 6;
      text += letters[(bits >> static_cast<unsigned>(held)) & 63U];
    }
  }
  if (held > 0) {
    text += letters[(bits << static_cast<unsigned>(6 - held)) & 63U];
  }
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

// Only what the page came with may run: no network, no script or style of anybody else.
std::string security_policy(std::string_view scripts, std::string_view styles) {
  return "default-src 'none'; script-src 'sha256-" + base64_of(sha256(scripts)) +
         "'; style-src 'sha256-" + base64_of(sha256(styles)) +
         "'; base-uri 'none'; form-action 'none'";
}

}  // namespace

std::string make_report(const std::filesystem::path& folder, const ReportOptions& options) {
  const boost::json::object data = page_data(folder, options);
  const WebAssets assets = web_assets();
  std::string page(assets.page);
  replace(page, "@POLICY@", security_policy(assets.scripts, assets.styles));
  replace(page, "@TITLE@", safe_in_html(std::string(data.at("name").as_string())));
  replace(page, "@LICENCE@", assets.licence);
  replace(page, "@STYLES@", assets.styles);
  replace(page, "@DATA@", safe_in_html(boost::json::serialize(data)));
  replace(page, "@SCRIPTS@", assets.scripts);
  return page;
}

}  // namespace tessera
