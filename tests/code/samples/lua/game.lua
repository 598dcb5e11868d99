#!/usr/bin/env lua
-- A small game of numbers.

local json = require("json")
local util = require "game.util"

local M = { version = "1.0" }
local MAX_TRIES <const> = 7

--- A player.
-- @type Player
local Player = {}
Player.__index = Player

--[[
  Makes a player
  with a name.
]]
function Player.new(name)
  local self = setmetatable({}, Player)
  self.name = name
  self.score = 0
  return self
end

function Player:win(points)
  self.score = self.score + (points or 1)
end

local function clamp(value, low, high)
  if value < low then
    return low
  elseif value > high then
    return high
  end
  return value
end

-- Reads until a number comes.
local ask = function(prompt)
  local number
  repeat
    io.write(prompt, " ")
    number = tonumber(io.read("l"))
  until number
  return number
end

function M.play(player, secret)
  local function hint(guess)
    return guess < secret and "higher" or "lower"
  end
  for try = 1, MAX_TRIES do
    local guess = clamp(ask("Guess:"), 1, 100)
    if guess == secret then
      player:win(MAX_TRIES - try)
      goto done
    end
    print(hint(guess))
  end
  ::done::
  return json.encode({ name = player.name, score = player.score })
end

M.names = function()
  return util.map({ "a", "b" }, string.upper)
end

M.handlers = {
  start = function(name)
    return Player.new(name)
  end,
  stop = util.noop,
}

return M
