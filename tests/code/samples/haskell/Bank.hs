{-# LANGUAGE LambdaCase #-}
{-# LANGUAGE OverloadedStrings #-}

-- | Accounts, and money that moves between them.
module Bank
  ( Account (..)
  , transfer
  ) where

import Control.Monad (forM_, when)
import qualified Data.Map.Strict as Map
import Data.Text (Text)

-- | An amount, in cents.
type Cents = Integer

newtype Id = Id { unId :: Text }
  deriving (Eq, Ord, Show)

-- | What a customer has.
data Account
  = Account
      { owner :: Id
      , balance :: Cents
      }
  | Closed
  deriving stock (Eq, Show)

data Shape a where
  Circle :: Double -> Shape Double
  Square :: Int -> Shape Int

-- | Things that are worth something.
class Valuable a where
  -- | How much it is worth.
  value :: a -> Cents
  value _ = 0

  isFree :: a -> Bool
  isFree = (== 0) . value

instance Valuable Account where
  value = \case
    Closed -> 0
    account -> balance account

type family Elem c
type instance Elem [e] = e

-- | The most that can be moved at once.
limit :: Cents
limit = 1000000

-- | Moves money, and says why not.
transfer
  :: Id
  -> Id
  -> Cents
  -> Map.Map Id Account
  -> Either Text (Map.Map Id Account)
transfer from to cents accounts
  | cents <= 0 = Left "nothing to move"
  | cents > limit = Left "too much"
  | otherwise = do
      source <- find from
      target <- find to
      when (balance source < cents) $ Left "not enough"
      pure (put target cents (put source (negate cents) accounts))
  where
    find name = maybe (Left "unknown") Right (Map.lookup name accounts)
    put account change =
      Map.insert (owner account) account { balance = balance account + change }

-- Both equations are one function.
total :: [Account] -> Cents
total [] = 0
total (account : rest) = value account + total rest

infixl 6 |+|

(|+|) :: Cents -> Cents -> Cents
a |+| b = a + b

main :: IO ()
main = do
  let accounts = Map.fromList [(Id "a", Account (Id "a") 100)]
  forM_ (Map.elems accounts) $ \account ->
    print (value account)
