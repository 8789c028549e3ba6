-- The bars of the benchmark: as text for a terminal, and as a drawing (SVG) for a page.

local picture = {}

local WIDTH = 50 -- characters of the longest bar

-- Measures of the drawing, in pixels.
local NAME, BAR, ROW, TITLE, PAD = 140, 420, 22, 34, 16

local function number(value)
  return (value < 100 and "%.2f" or "%.0f"):format(value)
end

local function longest(chart)
  local most = 0
  for _, bar in ipairs(chart.bars) do most = math.max(most, bar[2]) end
  return most
end

--- All charts as text.
---@param charts { title: string, unit: string, bars: { [1]: string, [2]: number }[] }[]
---@return string
function picture.text(charts)
  local lines = {}
  for _, chart in ipairs(charts) do
    local most = longest(chart)
    lines[#lines + 1] = ("\n%s, %s"):format(chart.title, chart.unit)
    for _, bar in ipairs(chart.bars) do
      local width = math.max(1, math.floor(bar[2] / most * WIDTH + 0.5))
      lines[#lines + 1] = ("  %-16s %s %s"):format(bar[1], ("#"):rep(width), number(bar[2]))
    end
  end
  return table.concat(lines, "\n")
end

local function add_chart(out, chart, top)
  local most = longest(chart)
  out[#out + 1] = ('<text x="%d" y="%d" font-weight="bold">%s, %s</text>')
    :format(PAD, top + 20, chart.title, chart.unit)
  for index, bar in ipairs(chart.bars) do
    local y = top + TITLE + (index - 1) * ROW
    local width = math.max(1, bar[2] / most * BAR)
    out[#out + 1] = ('<text x="%d" y="%d">%s</text>'):format(PAD, y + 14, bar[1])
    out[#out + 1] = ('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>')
      :format(NAME, y + 2, width, ROW - 6, chart.ours[bar[1]] and "#2a6fb0" or "#b8bec6")
    out[#out + 1] = ('<text x="%.1f" y="%d">%s</text>')
      :format(NAME + width + 6, y + 14, number(bar[2]))
  end
  return top + TITLE + #chart.bars * ROW + PAD
end

--- All charts as one drawing. `ours` of a chart names the bars to be seen first.
---@return string
function picture.svg(charts)
  local out, top = {}, PAD
  for _, chart in ipairs(charts) do top = add_chart(out, chart, top) end
  return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-size="13" '
    .. 'font-family="sans-serif">\n<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n')
    :format(NAME + BAR + 100, top, table.concat(out, "\n"))
end

return picture
